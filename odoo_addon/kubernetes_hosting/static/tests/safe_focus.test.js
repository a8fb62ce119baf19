import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {describe, expect, test} from "@odoo/hoot";
import {press, queryOne, waitFor, waitForNone} from "@odoo/hoot-dom";
import {advanceTime, animationFrame} from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    getService,
    makeMockEnv,
    MockServer,
    models,
    mountView,
    mountWithCleanup,
    onRpc,
    patchWithCleanup,
} from "@web/../tests/web_test_helpers";
import {WebClient} from "@web/webclient/webclient";

class Apply extends models.Model {
    _name = "kubernetes.app.apply";
    said = fields.Char();
    name = fields.Char();
    done = fields.Boolean();
    _records = [{id: 1, said: "Comparing …", name: "shop", done: false}];
}

defineMailModels();
defineModels([Apply]);
describe.current.tags("desktop");

const FOOTER = `
    <footer>
        <button name="act" type="object" string="Act" class="btn-primary" invisible="done"/>
        <button special="cancel" string="Cancel"/>
    </footer>`;

async function open(body, resId = 1) {
    Apply._views = {
        form: `<form js_class="kubernetes_form"><field name="done" invisible="1"/>${body}${FOOTER}</form>`,
    };
    await mountWithCleanup(WebClient);
    await getService("action").doAction({
        type: "ir.actions.act_window",
        res_model: "kubernetes.app.apply",
        ...(resId && {res_id: resId}),
        views: [[false, "form"]],
        target: "new",
    });
    await waitFor(".modal-footer button");
    await animationFrame();
}

const SAID = `<div class="o_kubernetes_said" role="status" tabindex="-1"><field name="said"/></div>`;

test("a dialog begins on what it says, not on a button that acts", async () => {
    onRpc("act", () => expect.step("act"));
    await open(SAID);
    expect(".o_kubernetes_said").toBeFocused();
    await press("Enter");
    expect.verifySteps([]);
});

test("a dialog that asks only begins on Cancel", async () => {
    await open("<p>All data is deleted.</p>", false);
    expect(".modal-footer button[special=cancel]").toBeFocused();
});

test("a dialog with a field begins in the field", async () => {
    await open(`<field name="name"/>`, false);
    expect(".o_field_widget[name=name] input").toBeFocused();
});

test("the focus returns to what is said when the button that had it goes", async () => {
    let tell = null;
    await makeMockEnv();
    patchWithCleanup(getService("bus_service"), {
        subscribe(type, callback) {
            if (type === "kubernetes.changed") {
                tell = callback;
            } else {
                super.subscribe(type, callback);
            }
        },
    });
    await open(SAID);
    queryOne(".modal-footer button[name=act]").focus();
    expect(".modal-footer button[name=act]").toBeFocused();
    MockServer.env["kubernetes.app.apply"].write([1], {done: true});
    tell({"kubernetes.app.apply": [1]});
    await advanceTime(400);
    await waitForNone(".modal-footer button[name=act]");
    await animationFrame();
    expect(".o_kubernetes_said").toBeFocused();
});

test("what a button asks begins on Cancel, and acts when it is confirmed", async () => {
    onRpc("act", () => {
        expect.step("act");
        return true;
    });
    await mountView({
        type: "form",
        resModel: "kubernetes.app.apply",
        resId: 1,
        arch: `
            <form js_class="kubernetes_form">
                <header>
                    <button name="act" type="object" string="Revoke"
                        confirm="Revoke it?" confirm-label="Revoke It"/>
                </header>
                <field name="name"/>
            </form>`,
    });
    await contains("button[name=act]").click();
    await waitFor(".modal");
    expect(".modal-body").toHaveText("Revoke it?");
    expect(".modal-footer .btn-secondary").toBeFocused();
    await press("Enter");
    await waitForNone(".modal");
    expect.verifySteps([]);
    await contains("button[name=act]").click();
    await contains(".modal-footer button:contains(Revoke It)").click();
    await waitForNone(".modal");
    expect.verifySteps(["act"]);
});

test("a form that nobody edits does not begin on its first button", async () => {
    onRpc("act", () => expect.step("act"));
    const arch = `
        <form js_class="kubernetes_form" create="0" edit="0">
            <header><button name="act" type="object" string="Retry" class="btn-primary"/></header>
            <sheet><field name="name"/></sheet>
        </form>`;
    await mountView({type: "form", resModel: "kubernetes.app.apply", resId: 1, arch});
    await animationFrame();
    expect("button[name=act]").toHaveCount(1);
    expect(document.body).toBeFocused();
    await press("Enter");
    expect.verifySteps([]);
});

test("a new record begins in its first field", async () => {
    const arch = `
        <form js_class="kubernetes_form">
            <header><button name="act" type="object" string="Act" class="btn-primary"/></header>
            <sheet><field name="name"/></sheet>
        </form>`;
    await mountView({type: "form", resModel: "kubernetes.app.apply", arch});
    await animationFrame();
    expect(".o_field_widget[name=name] input").toBeFocused();
});
