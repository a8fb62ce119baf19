import {browser} from "@web/core/browser/browser";
import {onWillDestroy} from "@odoo/owl";

// How long (ms) nothing is typed before the URL counts as entered.
const TYPED = 700;

/**
 * A form's URL counts when it is typed or pasted, not only when it is left.
 *
 * @param {Object} component A widget of the form, with its ``record``.
 */
export function useTypedUrl(component) {
    let typed = null;
    const onInput = (ev) => {
        if (ev.target.closest?.(".o_field_widget[name=url]")) {
            browser.clearTimeout(typed);
            typed = browser.setTimeout(() => component.record.isDirty(), TYPED);
        }
    };
    document.addEventListener("input", onInput);
    onWillDestroy(() => {
        browser.clearTimeout(typed);
        document.removeEventListener("input", onInput);
    });
}
