// Copyright 2026 Chandlery contributors
// License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import {registry} from "@web/core/registry";

const SUBMIT = "button[name=website_sale_main_button]:visible";
const NEXT = "a[name=website_sale_main_button]:visible";

registry.category("web_tour.tours").add("kubernetes_hosting_website_address", {
    steps: () => [
        {trigger: ".o_kubernetes_app_name input", run: "edit my-shop"},
        {
            trigger: ".o_kubernetes_app_name_message.text-success-emphasis",
        },
        {trigger: SUBMIT, run: "click", expectUnloadPage: true},
        {
            content: "A monthly hosting asks for the address, and what of it is needed",
            trigger: "input[name=street]:required",
        },
        {trigger: "input[name=phone]", run: "edit +41 31 000 00 00"},
        {trigger: "input[name=street]", run: "edit Gasse 2"},
        {trigger: "select[name=country_id]", run: "selectByLabel Switzerland"},
        {trigger: "input[name=zip]:required"},
        {trigger: "input[name=zip]", run: "edit 3600"},
        {trigger: "input[name=city]", run: "edit Thun"},
        {
            content: "Nothing is wider than the phone",
            trigger: "body",
            run: () => {
                const root = document.documentElement;
                if (root.scrollWidth > root.clientWidth) {
                    throw new Error(`${root.scrollWidth} > ${root.clientWidth}`);
                }
            },
        },
        {trigger: NEXT, run: "click", expectUnloadPage: true},
        {
            content: "The payment's page, with the address",
            trigger: "#delivery_and_billing:contains(Gasse 2)",
        },
    ],
});
