// Copyright 2026 Chandlery contributors
// License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import {registry} from "@web/core/registry";

const FIRST = ".o_kubernetes_app_name:eq(0)";
const SECOND = ".o_kubernetes_app_name:eq(1)";
const SUBMIT = "button[name=website_sale_main_button]:visible";

registry.category("web_tour.tours").add("kubernetes_hosting_website_names", {
    steps: () => [
        {
            content: "Two hostings into the cart",
            trigger: "a:contains(Shop Hosting)",
            run: "click",
            expectUnloadPage: true,
        },
        {trigger: "input[name=add_qty]", run: "edit 2"},
        {trigger: "#add_to_cart", run: "click"},
        {
            content: "To the step",
            trigger: "header a[href='/shop/cart'] .my_cart_quantity:contains(2)",
            run: "click",
            expectUnloadPage: true,
        },
        {
            trigger: "a[name=website_sale_main_button]:visible",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Nothing typed: the form stays",
            trigger: SUBMIT,
            run: "click",
        },
        {trigger: `${FIRST} .o_kubernetes_app_name_message.text-danger`},
        {
            content: "Bad name: said at once",
            trigger: `${FIRST} input`,
            run: "edit my shop",
        },
        {
            trigger: `${FIRST} .o_kubernetes_app_name_message:contains(letters a to z)`,
        },
        {
            content: "An address that cannot be is not shown",
            trigger: `${FIRST} .o_kubernetes_app_name_part:contains(/^your-name$/)`,
        },
        {
            content: "Taken name: Odoo says so, and what is free",
            trigger: `${FIRST} input`,
            run: "edit Taken-Name",
        },
        {trigger: `${FIRST} .o_kubernetes_app_name_message:contains(already taken)`},
        {
            content: "The suggestions are spoken, and belong to the field",
            trigger: `${FIRST} [aria-live] button:contains(/^taken-name-2$/)`,
            run: "click",
        },
        {trigger: `${FIRST} .o_kubernetes_app_name_message.text-success-emphasis`},
        {
            content: "The address is shown",
            trigger: `${FIRST} .o_kubernetes_app_name_part:contains(/^taken-name-2$/)`,
        },
        {
            content: "The same name once more",
            trigger: `${SECOND} input`,
            run: "edit taken-name-2",
        },
        {
            trigger: `${SECOND} .o_kubernetes_app_name_message:contains(another app)`,
        },
        {trigger: `${SECOND} input`, run: "edit other-name"},
        {trigger: `${SECOND} .o_kubernetes_app_name_message.text-success-emphasis`},
        {
            content: "Reload: what was typed is there",
            trigger: "body",
            run: () => window.location.reload(),
            expectUnloadPage: true,
        },
        {trigger: `${FIRST} input:value(taken-name-2)`},
        {trigger: `${SECOND} input:value(other-name)`},
        {
            trigger: `${SECOND} .o_kubernetes_app_name_message.text-success-emphasis`,
        },
        {trigger: SUBMIT, run: "click", expectUnloadPage: true},
        {
            content: "The step after the names, with the names beside it",
            trigger: ".o_cart_products_table:contains(taken-name-2, other-name)",
        },
    ],
});
