import {onMounted, onWillUnmount, useEnv, useSubEnv} from "@odoo/owl";
import {ConfirmationDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {useService} from "@web/core/utils/hooks";
import {getTabableElements} from "@web/core/utils/ui";

// What tells in a dialog how things stand: it takes the focus, and is a live region.
const SAID = ".o_kubernetes_said";
const CANCEL = ".modal-footer button[special=cancel]";

/** Asks as Odoo does, but Enter alone does nothing: the focus stands on “Cancel”. */
export class SafeConfirmationDialog extends ConfirmationDialog {
    setup() {
        super.setup();
        onMounted(() =>
            this.modalRef.el.querySelector(".modal-footer .btn-secondary").focus()
        );
    }
}

/** What a view's buttons ask by ``confirm`` is asked by a ``SafeConfirmationDialog``. */
export function useSafeConfirmation() {
    const dialog = useService("dialog");
    const {onClickViewButton} = useEnv();
    useSubEnv({
        onClickViewButton(button) {
            const {confirm, ...clickParams} = button.clickParams;
            if (!confirm) {
                return onClickViewButton(button);
            }
            dialog.add(SafeConfirmationDialog, {
                body: confirm,
                ...(clickParams["confirm-title"] && {
                    title: clickParams["confirm-title"],
                }),
                ...(clickParams["confirm-label"] && {
                    confirmLabel: clickParams["confirm-label"],
                }),
                ...(clickParams["cancel-label"] && {
                    cancelLabel: clickParams["cancel-label"],
                }),
                confirm: () => onClickViewButton({...button, clickParams}),
                cancel: () => {
                    // Nothing to do.
                },
            });
        },
    });
}

/**
 * In a form in a dialog, the focus never stands on a button that acts without having
 * been put there: it begins on what the dialog says, in a field, or on the button that
 * closes the dialog, and returns to it when what had the focus goes.
 *
 * @param {{el: HTMLElement}} root reference of the form
 */
export function useSafeFocus(root) {
    const env = useEnv();
    if (!env.inDialog) {
        return;
    }
    const isLost = () => {
        const {activeElement} = document;
        return !activeElement || activeElement === document.body;
    };
    const focus = () => {
        const modal = root.el?.closest(".modal");
        if (!modal) {
            return;
        }
        // What Odoo would choose, where that is no button of the footer.
        const [first] = getTabableElements(modal);
        const safe = first?.closest(".modal-footer")
            ? modal.querySelector(CANCEL)
            : first;
        (modal.querySelector(SAID) || safe)?.focus();
    };
    const observer = new MutationObserver(() => {
        if (isLost()) {
            focus();
        }
    });
    onMounted(() => {
        const modal = root.el?.closest(".modal");
        if (!modal) {
            return;
        }
        // Odoo puts it into the first field of a new record.
        if (!modal.contains(document.activeElement)) {
            focus();
        }
        observer.observe(modal, {
            attributeFilter: ["disabled"],
            childList: true,
            subtree: true,
        });
    });
    onWillUnmount(() => observer.disconnect());
}
