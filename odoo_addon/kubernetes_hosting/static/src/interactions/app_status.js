import {rpc} from "@web/core/network/rpc";
import {setElementContent} from "@web/core/utils/html";
import {registry} from "@web/core/registry";
import {Interaction} from "@web/public/interaction";
import {markup} from "@odoo/owl";

const POLL_MILLISECONDS = 2000;
// After an answer that did not come: do not press a server that restarts.
const WAIT_MILLISECONDS = 10000;

/**
 * Keeps the state of an app up to date on the customer's page while a job is at work,
 * and stops when nothing is. Screen readers hear one sentence whenever it changes.
 */
export class AppStatus extends Interaction {
    static selector = ".o_kubernetes_app_status";

    start() {
        const notice = document.querySelector(".o_kubernetes_app_notice");
        if (notice) {
            notice.focus();
        }
        if (this.el.dataset.atWork) {
            this.waitForTimeout(this.poll, POLL_MILLISECONDS);
        }
    }

    async poll() {
        let status = null;
        try {
            status = await this.waitFor(
                rpc(this.el.dataset.url, {}, {silent: true})
            );
        } catch {
            this.waitForTimeout(this.poll, WAIT_MILLISECONDS);
            return;
        }
        this.show(status);
        if (status.at_work) {
            this.waitForTimeout(this.poll, POLL_MILLISECONDS);
        }
    }

    show(status) {
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
