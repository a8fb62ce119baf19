// Copyright 2026 Chandlery contributors
// License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import {Interaction} from "@web/public/interaction";
import {registry} from "@web/core/registry";
import {rpc} from "@web/core/network/rpc";
import {browser} from "@web/core/browser/browser";

/**
 * One field for the name of an app: shows the addresses while the customer types, says
 * at once what breaks the rule, and asks Odoo whether the name is free.
 *
 * Odoo checks again when the form is sent; nothing here is relied on.
 */
export class AppName extends Interaction {
    static selector = ".o_kubernetes_app_name";
    dynamicContent = {
        input: {
            "t-on-input": this.onInput,
            "t-att-aria-invalid": () => (this.isRefused ? "true" : "false"),
            "t-att-class": () => ({
                "is-invalid": this.isRefused,
                "is-valid": this.answer.state === "free",
            }),
        },
        ".o_kubernetes_app_name_message": {
            "t-out": () => this.answer.message,
            "t-att-class": () => ({
                "text-danger": this.isRefused,
                "text-success-emphasis": this.answer.state === "free",
            }),
        },
        ".o_kubernetes_app_name_part": {
            // An address that cannot be is not shown.
            "t-out": () =>
                (!this.isRefused && this.name) || this.form.dataset.placeholder,
        },
        ".o_kubernetes_app_name_suggestions": {
            "t-on-click": this.onSuggestion,
        },
    };

    setup() {
        this.input = this.el.querySelector("input");
        this.suggestions = this.el.querySelector(".o_kubernetes_app_name_suggestions");
        const message = this.el.querySelector(".o_kubernetes_app_name_message");
        this.answer = {
            state: this.input.classList.contains("is-invalid") ? "taken" : "unknown",
            message: message.textContent.trim(),
        };
        this.ask = this.debounced(this.askOdoo, 300);
        this.restoreTyped();
    }

    start() {
        if (this.name && this.answer.state === "unknown") {
            this.check();
        }
    }

    get form() {
        return this.el.closest("form");
    }

    get name() {
        return this.input.value.trim();
    }

    get isRefused() {
        return ["invalid", "taken"].includes(this.answer.state);
    }

    get storageKey() {
        return `kubernetes_app_name.${this.form.dataset.orderId}.${this.input.name}`;
    }

    /** A reloaded page shows what was typed, not what was stored when it was made. */
    restoreTyped() {
        const kept = JSON.parse(
            browser.sessionStorage.getItem(this.storageKey) || "null"
        );
        if (kept && kept.before === this.input.defaultValue && kept.typed) {
            if (kept.typed !== this.input.value) {
                this.answer = {state: "unknown", message: ""};
            }
            this.input.value = kept.typed;
        }
    }

    onInput() {
        const caret = this.input.selectionStart;
        this.input.value = this.input.value.toLowerCase();
        this.input.setSelectionRange(caret, caret);
        browser.sessionStorage.setItem(
            this.storageKey,
            JSON.stringify({before: this.input.defaultValue, typed: this.name})
        );
        this.check();
    }

    onSuggestion(ev) {
        const button = ev.target.closest("button");
        if (button) {
            this.input.value = button.textContent.trim();
            this.onInput();
            this.input.focus();
        }
    }

    check() {
        this.showSuggestions([]);
        const message = this.brokenRule();
        this.answer = {state: message ? "invalid" : "unknown", message};
        if (!message && this.name) {
            this.ask(this.name);
        }
    }

    /** The message of the rule that the name breaks; empty while nothing is typed. */
    brokenRule() {
        const {name} = this;
        const messages = this.form.dataset;
        if (!name) {
            return "";
        }
        if (!/^[a-z0-9-]+$/.test(name)) {
            return messages.messageCharacters;
        }
        if (name.startsWith("-") || name.endsWith("-")) {
            return messages.messageEnds;
        }
        if (name.length < 3 || name.length > 30) {
            return messages.messageLength;
        }
        const others = [...this.form.querySelectorAll(".o_kubernetes_app_name input")];
        if (others.some((input) => input !== this.input && input.value === name)) {
            return messages.messageTwice;
        }
        return "";
    }

    async askOdoo(name) {
        const answer = await this.waitFor(
            rpc(
                "/kubernetes_hosting/app_name/check",
                {
                    order_id: Number(this.form.dataset.orderId),
                    access_token: this.form.dataset.accessToken,
                    line_id: Number(this.el.dataset.lineId),
                    unit: Number(this.el.dataset.unit),
                    name,
                },
                {silent: true}
            ).catch(() => null)
        );
        // An answer about what stood there before is no answer.
        if (answer && name === this.name && !this.brokenRule()) {
            this.answer = answer;
            this.showSuggestions(answer.suggestions);
        }
    }

    showSuggestions(names) {
        // The region itself is always there: screen readers speak what comes into it.
        this.suggestions.firstElementChild.classList.toggle("d-none", !names.length);
        this.suggestions
            .querySelectorAll("button")
            .forEach((button) => button.remove());
        for (const name of names) {
            const button = document.createElement("button");
            button.type = "button";
            button.className = "btn btn-sm btn-light border";
            button.textContent = name;
            this.suggestions.append(button);
        }
    }
}

/** Keeps a form with a name that breaks the rule from being sent: it shows where. */
export class AppNames extends Interaction {
    static selector = "form.o_kubernetes_app_names";
    dynamicContent = {
        _root: {"t-on-submit": this.onSubmit},
    };

    onSubmit(ev) {
        const inputs = [...this.el.querySelectorAll(".o_kubernetes_app_name input")];
        const refused = inputs.find(
            (input) =>
                !input.value.trim() || input.getAttribute("aria-invalid") === "true"
        );
        if (refused) {
            ev.preventDefault();
            refused.focus();
            if (!refused.value.trim()) {
                const field = refused.closest(".o_kubernetes_app_name");
                refused.classList.add("is-invalid");
                const message = field.querySelector(".o_kubernetes_app_name_message");
                message.classList.add("text-danger");
                message.textContent = this.el.dataset.messageEmpty;
            }
        }
    }
}

registry
    .category("public.interactions")
    .add("kubernetes_hosting_sale.app_name", AppName)
    .add("kubernetes_hosting_sale.app_names", AppNames);
