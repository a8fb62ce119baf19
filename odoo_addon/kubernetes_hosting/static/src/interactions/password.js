import {_t} from "@web/core/l10n/translation";
import {rpc} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";
import {Interaction} from "@web/public/interaction";

import {copyNews, copyText} from "./copy";
import {decrypt, hasCrypto, makeKeys} from "./password_crypto";

const POLL_MILLISECONDS = 1000;
// After an answer that did not come: do not press a server that restarts.
const WAIT_MILLISECONDS = 5000;
// After so many looks we say that it takes long, and go on.
const PATIENT_POLLS = 30;

/**
 * The page of a one-time link. Its token stands behind the "#", which no request carries;
 * what it is for is asked for with the token in the request's body.
 */
export class PasswordPage extends Interaction {
    static selector = ".o_kubernetes_password_page";
    dynamicContent = {
        _window: {"t-on-hashchange": this.look},
    };

    async start() {
        await this.look();
    }

    /** The token; that of a link of before stands in the query, and is taken out of it. */
    token() {
        const old = new URLSearchParams(window.location.search).get("token");
        if (old) {
            window.history.replaceState(null, "", `${window.location.pathname}#${old}`);
        }
        return window.location.hash.slice(1);
    }

    async look() {
        const token = this.token();
        const news = this.el.querySelector(".o_kubernetes_password_page_news");
        let html = "";
        try {
            const url = `${this.el.dataset.url}/look`;
            ({html} = await this.waitFor(rpc(url, {token}, {silent: true})));
        } catch {
            news.textContent = _t(
                "We could not be reached. Your link stays valid; try again."
            );
            return;
        }
        news.textContent = "";
        this.el.querySelectorAll(":scope > .card").forEach((card) => card.remove());
        const card = new DOMParser().parseFromString(html, "text/html").body
            .firstElementChild;
        if (card.matches(Password.selector)) {
            card.dataset.token = token;
        }
        this.insert(card);
    }
}

/**
 * What a valid link shows. Nothing happens before the button is pressed: programs that
 * open links in mails do not use the link up.
 */
export class Password extends Interaction {
    static selector = ".o_kubernetes_password";
    dynamicContent = {
        ".o_kubernetes_password_ask": {"t-on-click": this.ask},
        ".o_kubernetes_password_copy": {"t-on-click": this.copy},
    };

    setup() {
        this.find = (name) => this.el.querySelector(`.o_kubernetes_password_${name}`);
        this.polls = 0;
    }

    start() {
        this.find("ask").disabled = this.refuseWithoutCrypto();
    }

    refuseWithoutCrypto() {
        if (hasCrypto()) {
            return false;
        }
        this.find("ask").disabled = true;
        this.say(
            _t(
                "Your browser does not let this page read the password safely: the page" +
                    " was not opened over https. Please tell us; the link stays valid."
            ),
            "danger"
        );
        return true;
    }

    async ask() {
        if (this.refuseWithoutCrypto()) {
            return;
        }
        this.find("ask").disabled = true;
        this.say(_t("We are fetching your password …"), "info");
        this.polls = 0;
        try {
            this.keys = await this.waitFor(makeKeys());
        } catch {
            this.again(
                _t("Your browser could not make a key. Please try another one.")
            );
            return;
        }
        await this.next("ask");
    }

    async next(call) {
        let answer = null;
        try {
            answer = await this.waitFor(
                rpc(
                    `${this.el.dataset.url}/${call}`,
                    {
                        token: this.el.dataset.token,
                        public_key: this.keys.publicKey,
                    },
                    {silent: true}
                )
            );
        } catch {
            if (call === "ask") {
                this.again(
                    _t("We could not be reached. Your link stays valid; try again.")
                );
            } else {
                this.waitForTimeout(() => this.next("answer"), WAIT_MILLISECONDS);
            }
            return;
        }
        await this.take(answer, call);
    }

    async take(answer, call) {
        if (answer.state === "shown") {
            await this.show(answer.password);
        } else if (
            answer.state === "waiting" ||
            (answer.state === "no_worker" && call === "answer")
        ) {
            this.polls += 1;
            if (this.polls === PATIENT_POLLS) {
                this.say(
                    _t(
                        "This takes longer than usual. You can keep this page open, or" +
                            " come back later: your link stays valid until it has shown" +
                            " the password."
                    ),
                    "info"
                );
            }
            this.waitForTimeout(() => this.next("answer"), POLL_MILLISECONDS);
        } else {
            this.stop(answer.state);
        }
    }

    stop(state) {
        const texts = {
            no_worker: _t(
                "Nobody is there to fetch your password at the moment. Please try again" +
                    " in some minutes; your link stays valid."
            ),
            superseded: _t(
                "Another window asked for the password after this one. It is shown" +
                    " there; if that was not you, tell us."
            ),
            used: _t(
                "This link has shown the password already. Was that not you? Then tell" +
                    " us. Answer your invitation to get another link."
            ),
            expired: _t(
                "This link is no longer valid. Answer your invitation to get another" +
                    " one."
            ),
            slow: _t("There were too many tries. Please wait ten minutes."),
        };
        this.again(
            texts[state] ||
                _t(
                    "We could not fetch your password. Our team sees it and takes care" +
                        " of it. Your link stays valid; try again later."
                )
        );
    }

    async show(answer) {
        let password = "";
        try {
            password = await this.waitFor(decrypt(this.keys.privateKey, answer));
        } catch {
            this.again(
                _t(
                    "Your browser could not read the password. Please answer your" +
                        " invitation, and we send you another link."
                )
            );
            return;
        }
        const input = this.el.querySelector("input");
        input.value = password;
        this.find("before").classList.add("d-none");
        this.find("shown").classList.remove("d-none");
        this.say(_t("Here is your password."), "success");
        input.focus();
        input.select();
        // Odoo can forget it now; should this get lost, it does so by itself.
        rpc(
            `${this.el.dataset.url}/shown`,
            {token: this.el.dataset.token, public_key: this.keys.publicKey},
            {silent: true}
        ).catch(() => undefined);
    }

    async copy() {
        const copied = await this.waitFor(copyText(this.el.querySelector("input")));
        this.say(copyNews(copied), copied ? "success" : "info");
    }

    /** Say what went wrong and let the button be pressed again. */
    again(text) {
        this.say(text, "danger");
        this.find("ask").disabled = false;
        this.find("ask").focus();
    }

    say(text, level) {
        const news = this.find("news");
        news.className = `o_kubernetes_password_news alert alert-${level} mt-3 mb-0`;
        news.textContent = text;
    }
}

registry
    .category("public.interactions")
    .add("kubernetes_hosting.password_page", PasswordPage)
    .add("kubernetes_hosting.password", Password);
