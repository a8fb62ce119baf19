import {rpc} from "@web/core/network/rpc";
import {setElementContent} from "@web/core/utils/html";
import {registry} from "@web/core/registry";
import {Interaction} from "@web/public/interaction";
import {markup} from "@odoo/owl";

// After an answer that did not come: do not press a server that restarts.
const WAIT_MILLISECONDS = 10000;

/**
 * Keeps the state of an app, or of those in the list, up to date on the customer's page as
 * long as it may change by itself. Screen readers hear one sentence whenever it changes.
 */
export class AppStatus extends Interaction {
    static selector = ".o_kubernetes_app_status";

    start() {
        this.notice = document.querySelector(".o_kubernetes_app_notice");
        if (this.notice) {
            this.notice.focus();
            // What was asked for once is not told again by a reload.
            const url = new URL(window.location.href);
            url.searchParams.delete("asked");
            window.history.replaceState(window.history.state, "", url);
        }
        this.askAgain(Number(this.el.dataset.askAgain || 0));
    }

    async poll() {
        let status = null;
        try {
            const {url, params} = this.el.dataset;
            status = await this.waitFor(
                rpc(url, JSON.parse(params || "{}"), {silent: true})
            );
        } catch {
            this.waitForTimeout(this.poll, WAIT_MILLISECONDS);
            return;
        }
        this.show(status);
        this.askAgain(status.ask_again);
    }

    /**
     * @param {Number} seconds 0 where nothing is expected to change
     */
    askAgain(seconds) {
        if (seconds) {
            this.waitForTimeout(this.poll, seconds * 1000);
        }
    }

    show(status) {
        if (this.notice?.dataset.asked && !status.at_work && status.outcome) {
            this.notice.textContent = status.outcome;
        }
        const body = this.el.querySelector(".o_kubernetes_app_status_body");
        if (status.html !== this.shown) {
            this.shown = status.html;
            const focused = body.contains(document.activeElement)
                ? document.activeElement.id
                : "";
            setElementContent(body, markup(status.html));
            // Whoever moves by keyboard stays where they were.
            if (focused) {
                const button = document.getElementById(focused);
                (button && !button.disabled ? button : this.el).focus();
            }
        }
        if (status.announcement !== this.el.dataset.announcement) {
            this.el.dataset.announcement = status.announcement;
            this.el.querySelector(".o_kubernetes_app_announcement").textContent =
                status.announcement;
        }
    }
}

registry
    .category("public.interactions")
    .add("kubernetes_hosting.app_status", AppStatus);
