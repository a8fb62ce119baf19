// Copyright 2026 Chandlery contributors
// License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import {Interaction} from "@web/public/interaction";
import {markup} from "@odoo/owl";
import {registry} from "@web/core/registry";
import {rpc} from "@web/core/network/rpc";
import {setElementContent} from "@web/core/utils/html";

// After an answer that did not come: do not press a server that restarts.
const WAIT_SECONDS = 10;

/**
 * Shows what an order becomes while its customer watches: the payment arrives, the apps
 * are set up. The server says how soon to ask again, and when there is nothing to ask.
 */
export class OrderApps extends Interaction {
    static selector = ".o_kubernetes_order_apps";

    start() {
        this.pollIn(Number(this.el.dataset.pollSeconds));
    }

    pollIn(seconds) {
        if (seconds > 0) {
            this.waitForTimeout(this.poll, seconds * 1000);
        }
    }

    async poll() {
        let status = null;
        try {
            status = await this.waitFor(
                rpc(
                    this.el.dataset.url,
                    {access_token: this.el.dataset.accessToken},
                    {silent: true}
                )
            );
        } catch {
            this.pollIn(WAIT_SECONDS);
            return;
        }
        this.show(status);
        this.pollIn(status.poll_seconds);
    }

    show(status) {
        if (status.html !== this.shown) {
            this.shown = status.html;
            const body = this.el.querySelector(".o_kubernetes_order_apps_body");
            setElementContent(body, markup(status.html));
        }
        if (status.announcement !== this.el.dataset.announcement) {
            this.el.dataset.announcement = status.announcement;
            this.el.querySelector(".o_kubernetes_order_announcement").textContent =
                status.announcement;
        }
    }
}

registry
    .category("public.interactions")
    .add("kubernetes_hosting_sale.order_apps", OrderApps);
