import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {animationFrame, beforeEach, describe, expect, test} from "@odoo/hoot";
import {waitFor, waitForNone} from "@odoo/hoot-dom";
import {advanceTime} from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    getService,
    makeMockEnv,
    MockServer,
    models,
    mountView,
    onRpc,
    patchWithCleanup,
} from "@web/../tests/web_test_helpers";

class Job extends models.Model {
    _name = "kubernetes.job";
    name = fields.Char();
    _records = [
        {id: 1, name: "Apply"},
        {id: 2, name: "Update"},
    ];
}

class App extends models.Model {
    _name = "kubernetes.app";
    name = fields.Char();
    state = fields.Selection({
        selection: [
            ["running", "Running"],
            ["failed", "Failed"],
        ],
    });
    job_id = fields.Many2one({relation: "kubernetes.job"});
    part_ids = fields.One2many({
        relation: "kubernetes.app",
        relation_field: "whole_id",
    });
    whole_id = fields.Many2one({relation: "kubernetes.app"});
    _records = [
        {id: 1, name: "shop", state: "running", job_id: 1, part_ids: [3]},
        {id: 2, name: "wiki", state: "failed", job_id: 2},
        {id: 3, name: "part", state: "running", job_id: 2, whole_id: 1},
    ];
}

class Attention extends models.Model {
    _name = "kubernetes.attention";
    name = fields.Char();
    _records = [{id: 1, name: "shop"}];
}

defineMailModels();
defineModels([App, Attention, Job]);
describe.current.tags("desktop");

const FORM = `
    <form js_class="kubernetes_form"><field name="name"/><field name="job_id"/></form>`;
const LIST = `
    <list js_class="kubernetes_list" multi_edit="1"><field name="name"/></list>`;
const KANBAN = `
    <kanban js_class="kubernetes_kanban">
        <templates><t t-name="card"><field name="name"/></t></templates>
    </kanban>`;

let listeners, busState;

beforeEach(async () => {
    listeners = new Set();
    busState = "CONNECTED";
    await makeMockEnv();
    patchWithCleanup(getService("bus_service"), {
        // What the bus itself finds out comes at any time.
        get workerState() {
            return busState;
        },
        set workerState(_state) {},
        subscribe(type, callback) {
            if (type === "kubernetes.changed") {
                listeners.add(callback);
            } else {
                super.subscribe(type, callback);
            }
        },
    });
    onRpc("web_read", () => expect.step("read"));
    onRpc("web_search_read", () => expect.step("search"));
});

async function mount(type, resModel, arch, values = {}) {
    await mountView({type, resModel, arch, ...values});
    await waitFor(".o_view_controller");
    expect.verifySteps([type === "form" ? "read" : "search"]);
}

function tell(model, id) {
    listeners.forEach((listener) => listener({[model]: [id]}));
}

/** Change a record in the server, which says so after its commit. */
async function change(model, id, values = {}) {
    MockServer.env[model].write([id], values);
    tell(model, id);
    await advanceTime(400);
    await animationFrame();
}

test("a form follows its record", async () => {
    await mount("form", "kubernetes.app", FORM, {resId: 1});
    await change("kubernetes.app", 1, {name: "shop two"});
    expect.verifySteps(["read"]);
    expect(".o_field_widget[name=name] input").toHaveValue("shop two");
});

test("a form follows the records that it points to, and no others", async () => {
    await mount("form", "kubernetes.app", FORM, {resId: 1});
    await change("kubernetes.app", 2, {name: "other"});
    await change("kubernetes.job", 2, {name: "other"});
    expect.verifySteps([]);
    await change("kubernetes.job", 1, {name: "Apply again"});
    expect.verifySteps(["read"]);
    expect(".o_field_widget[name=job_id] input").toHaveValue("Apply again");
});

test("a form follows what the records that it lists point to", async () => {
    const arch = `
        <form js_class="kubernetes_form">
            <field name="part_ids"><list><field name="job_id"/></list></field>
        </form>`;
    await mount("form", "kubernetes.app", arch, {resId: 1});
    await change("kubernetes.job", 1, {name: "other"});
    expect.verifySteps([]);
    await change("kubernetes.job", 2, {name: "Update again"});
    expect.verifySteps(["read"]);
    expect(".o_data_row").toHaveText("Update again");
});

test("many changes at once are one reload", async () => {
    await mount("form", "kubernetes.app", FORM, {resId: 1});
    for (let count = 0; count < 5; count++) {
        tell("kubernetes.app", 1);
    }
    await change("kubernetes.app", 1);
    expect.verifySteps(["read"]);
});

test("unsaved edits stay; the form catches up when they are discarded", async () => {
    await mount("form", "kubernetes.app", FORM, {resId: 1});
    await contains(".o_field_widget[name=name] input").edit("mine", {confirm: false});
    await change("kubernetes.app", 1, {name: "theirs"});
    expect.verifySteps([]);
    expect(".o_field_widget[name=name] input").toHaveValue("mine");
    await contains(".o_form_button_cancel").click();
    expect(".o_field_widget[name=name] input").toHaveValue("shop");
    await advanceTime(5000);
    await animationFrame();
    expect.verifySteps(["read"]);
    expect(".o_field_widget[name=name] input").toHaveValue("theirs");
});

test("a new record is left alone", async () => {
    await mountView({type: "form", resModel: "kubernetes.app", arch: FORM});
    await contains(".o_field_widget[name=name] input").edit("new", {confirm: false});
    await change("kubernetes.app", 1);
    expect.verifySteps([]);
    expect(".o_field_widget[name=name] input").toHaveValue("new");
});

test("a list follows all records of its model", async () => {
    await mount("list", "kubernetes.app", LIST);
    await change("kubernetes.job", 1);
    expect.verifySteps([]);
    await change("kubernetes.app", 2, {name: "blog"});
    expect.verifySteps(["search"]);
    expect(".o_data_row:eq(1)").toHaveText("blog");
});

test("a kanban follows, too", async () => {
    await mount("kanban", "kubernetes.app", KANBAN);
    await change("kubernetes.app", 2, {name: "blog"});
    expect.verifySteps(["search"]);
    expect(".o_kanban_record:eq(1)").toHaveText("blog");
});

const BY_STATE = `
    <kanban js_class="kubernetes_kanban" default_group_by="state">
        <templates>
            <t t-name="card"><field name="state" class="o_kubernetes_state"/></t>
        </templates>
    </kanban>`;

test("cards do not say what their column says", async () => {
    await mountView({type: "kanban", resModel: "kubernetes.app", arch: BY_STATE});
    expect(".o_kanban_group").toHaveCount(2);
    expect(".o_kubernetes_state").toHaveCount(3);
    expect(".o_kubernetes_state:visible").toHaveCount(0);
});

test("grouped by something else, cards say their state", async () => {
    await mountView({
        type: "kanban",
        resModel: "kubernetes.app",
        arch: BY_STATE,
        groupBy: ["job_id"],
    });
    expect(".o_kubernetes_state:visible").toHaveCount(3);
});

test("on a phone the cards are one list, unless somebody groups them", async () => {
    patchWithCleanup(getService("ui"), {isSmall: true});
    const view = {type: "kanban", resModel: "kubernetes.app", arch: BY_STATE};
    await mountView(view);
    expect(".o_kanban_group").toHaveCount(0);
    expect(".o_kubernetes_state:visible").toHaveCount(3);
    expect.verifySteps(["search"]);
});

test("what needs attention follows every model", async () => {
    await mount("list", "kubernetes.attention", LIST);
    await change("kubernetes.job", 1);
    expect.verifySteps(["search"]);
});

test("a list waits while rows are selected", async () => {
    await mount("list", "kubernetes.app", LIST);
    await contains(".o_data_row:eq(0) .o_list_record_selector input").click();
    await change("kubernetes.app", 2, {name: "blog"});
    expect.verifySteps([]);
    expect(".o_data_row_selected").toHaveCount(1);
    await contains(".o_data_row:eq(0) .o_list_record_selector input").click();
    await waitForNone(".o_data_row_selected");
    await advanceTime(5000);
    await animationFrame();
    expect.verifySteps(["search"]);
    expect(".o_data_row:eq(1)").toHaveText("blog");
});

test("without the bus, records are read every five seconds", async () => {
    await mount("form", "kubernetes.app", FORM, {resId: 1});
    await advanceTime(20000);
    expect.verifySteps([]);
    busState = "DISCONNECTED";
    MockServer.env["kubernetes.app"].write([1], {name: "shop two"});
    await advanceTime(5000);
    await animationFrame();
    expect.verifySteps(["read"]);
    expect(".o_field_widget[name=name] input").toHaveValue("shop two");
});
