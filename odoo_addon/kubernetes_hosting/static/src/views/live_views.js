import {status, useComponent} from "@odoo/owl";
import {registry} from "@web/core/registry";
import {FormController} from "@web/views/form/form_controller";
import {formView} from "@web/views/form/form_view";
import {KanbanController} from "@web/views/kanban/kanban_controller";
import {kanbanView} from "@web/views/kanban/kanban_view";
import {ListController} from "@web/views/list/list_controller";
import {listView} from "@web/views/list/list_view";
import {SearchModel} from "@web/search/search_model";
import {useLiveReload} from "./live_reload";
import {useSafeConfirmation, useSafeFocus} from "./safe_focus";

// Its rows come from all the others.
const MADE_OF_OTHERS = ["kubernetes.attention"];

/**
 * Whether a record is a changed one, or one of its many2one fields points to one, or
 * one of a record that it lists.
 */
function isShownBy(record, changed) {
    const isChanged = (model, id) => (changed[model] || []).includes(id);
    if (isChanged(record.resModel, record.resId)) {
        return true;
    }
    return Object.keys(record.activeFields).some((name) => {
        const {type, relation} = record.fields[name];
        if (type === "many2one") {
            return isChanged(relation, record.data[name]?.id);
        }
        return (
            ["one2many", "many2many"].includes(type) &&
            (record.data[name]?.records || []).some((line) => isShownBy(line, changed))
        );
    });
}

/** A form that reloads by itself while its record has no unsaved edits. */
export class KubernetesFormController extends FormController {
    setup() {
        const {archInfo} = this.props;
        const {disableAutofocus} = archInfo;
        // Of a form that nobody edits, Odoo would put the focus on the first button.
        archInfo.disableAutofocus = true;
        super.setup();
        // In a new record it stands in the first field.
        archInfo.disableAutofocus = disableAutofocus;
        useSafeConfirmation();
        useSafeFocus(this.rootRef);
        useLiveReload({
            shows: (changed) => this.isShown(changed),
            reload: () => this.reloadClean(),
        });
    }

    isShown(changed) {
        const {root} = this.model;
        return root && !root.isNew && isShownBy(root, changed);
    }

    async reloadClean() {
        const {root} = this.model;
        if (root.isNew) {
            return true;
        }
        // A form in a dialog counts itself.
        const above = this.formInDialog - (this.env.inDialog ? 1 : 0);
        if (above || (await root.isDirty())) {
            return false;
        }
        if (status(this) !== "destroyed") {
            await root.load();
        }
        return true;
    }
}

/** What lists and kanbans have in common: nothing is reloaded under a person's hands. */
function useLiveList() {
    const controller = useComponent();
    useLiveReload({
        shows: (changed) => {
            const {resModel} = controller.props;
            return resModel in changed || MADE_OF_OTHERS.includes(resModel);
        },
        reload: async () => {
            const {root} = controller.model;
            if (root.editedRecord || root.selection?.length) {
                return false;
            }
            if (status(controller) !== "destroyed") {
                await controller.model.load();
            }
            return true;
        },
    });
}

export class KubernetesListController extends ListController {
    setup() {
        super.setup();
        useSafeConfirmation();
        useLiveList();
    }
}

/** On a phone one column fills the screen: there the cards are one list, unless somebody
 * groups them. */
export class KubernetesKanbanSearchModel extends SearchModel {
    async load(config) {
        const defaultGroupBy = this.env.isSmall ? undefined : config.defaultGroupBy;
        await super.load({...config, defaultGroupBy});
    }
}

export class KubernetesKanbanController extends KanbanController {
    setup() {
        super.setup();
        useSafeConfirmation();
        useLiveList();
    }

    /** Cards do not say what their column says. */
    get className() {
        const grouped = this.model.root.groupByField?.name === "state";
        return `${super.className || ""} ${grouped ? "o_kubernetes_by_state" : ""}`;
    }
}

registry
    .category("views")
    .add("kubernetes_form", {...formView, Controller: KubernetesFormController})
    .add("kubernetes_list", {...listView, Controller: KubernetesListController})
    .add("kubernetes_kanban", {
        ...kanbanView,
        Controller: KubernetesKanbanController,
        SearchModel: KubernetesKanbanSearchModel,
    });
