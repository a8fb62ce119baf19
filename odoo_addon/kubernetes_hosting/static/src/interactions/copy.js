import {_t} from "@web/core/l10n/translation";
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";
import {Interaction} from "@web/public/interaction";

/**
 * Copies the text of an element. Over plain http a page may not write to the clipboard;
 * then the text is selected, ready to be copied by hand.
 *
 * @param {HTMLElement} element whose text it is; an input's value
 * @returns {Promise<Boolean>} whether it is in the clipboard
 */
export async function copyText(element) {
    const text = "value" in element ? element.value : element.textContent;
    try {
        await browser.navigator.clipboard.writeText(text);
        return true;
    } catch {
        if ("value" in element) {
            element.focus();
            element.select();
        } else {
            window.getSelection().selectAllChildren(element);
        }
        return false;
    }
}

/** What is said after a try to copy. */
export function copyNews(copied) {
    return copied
        ? _t("Copied.")
        : _t("It is selected; copy it with your keyboard or the menu.");
}

/** The copy buttons beside DNS records. They speak through the page's live region. */
export class CopyButtons extends Interaction {
    static selector = ".o_kubernetes_app_status";
    dynamicContent = {_root: {"t-on-click": this.onClick}};

    async onClick(event) {
        const button = event.target.closest(".o_kubernetes_copy");
        if (!button) {
            return;
        }
        const copied = await this.waitFor(
            copyText(this.el.querySelector(button.dataset.copies))
        );
        const news = this.el.querySelector(".o_kubernetes_copied");
        if (news) {
            news.textContent = copyNews(copied);
        }
        if (copied) {
            button.classList.replace("btn-light", "btn-success");
            this.waitForTimeout(
                () => button.classList.replace("btn-success", "btn-light"),
                1500
            );
        }
    }
}

registry
    .category("public.interactions")
    .add("kubernetes_hosting.copy_buttons", CopyButtons);
