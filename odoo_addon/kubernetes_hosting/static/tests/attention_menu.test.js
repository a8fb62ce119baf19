import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {describe, expect, test} from "@odoo/hoot";
import {advanceTime, animationFrame} from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    getService,
    makeMockEnv,
    mockService,
    models,
    mountWithCleanup,
    onRpc,
    patchWithCleanup,
} from "@web/../tests/web_test_helpers";
import {session} from "@web/session";
import {AttentionMenu} from "@kubernetes_hosting/views/attention_menu";

class Attention extends models.Model {
    _name = "kubernetes.attention";
    name = fields.Char();
    cause_id = fields.Many2one({relation: "kubernetes.attention"});
    _records = [
        {id: 1, name: "cluster"},
        {id: 2, name: "shop", cause_id: 1},
        {id: 3, name: "wiki"},
    ];
}

defineMailModels();
defineModels([Attention]);
describe.current.tags("desktop");

async function mountMenu() {
    let tell = null;
    await makeMockEnv();
    patchWithCleanup(getService("bus_service"), {
        subscribe(type, callback) {
            if (type === "kubernetes.changed") {
                tell = callback;
            }
        },
    });
    await mountWithCleanup(AttentionMenu);
    return () => tell({"kubernetes.app": [1]});
}

test("the menu counts what needs attention, symptoms not", async () => {
    patchWithCleanup(session, {kubernetes_attention: true});
    mockService("action", {doAction: (action) => expect.step(action)});
    let count = 2;
    onRpc("search_count", ({args, kwargs}) => {
        expect(args[0]).toEqual([["cause_id", "=", false]]);
        expect(kwargs.limit).toBe(100);
        return count;
    });
    const change = await mountMenu();
    expect(".o_kubernetes_attention .badge").toHaveText("2");
    expect(".o_kubernetes_attention button").toHaveAttribute(
        "aria-label",
        "Needs attention: 2"
    );
    await contains(".o_kubernetes_attention button").click();
    expect.verifySteps(["kubernetes_hosting.kubernetes_attention_action"]);
    count = 0;
    change();
    change();
    await advanceTime(10000);
    await animationFrame();
    expect(".o_kubernetes_attention").toHaveCount(0);
});

test("more than can be counted at a glance is said to be more", async () => {
    patchWithCleanup(session, {kubernetes_attention: true});
    let count = 99;
    onRpc("search_count", () => count);
    const change = await mountMenu();
    expect(".o_kubernetes_attention .badge").toHaveText("99");
    count = 100;
    change();
    await advanceTime(10000);
    await animationFrame();
    expect(".o_kubernetes_attention .badge").toHaveText("99+");
    expect(".o_kubernetes_attention button").toHaveAttribute(
        "aria-label",
        "Needs attention: more than 99"
    );
});

test("who has no right to it is shown nothing, and asks for nothing", async () => {
    patchWithCleanup(session, {kubernetes_attention: false});
    onRpc("search_count", () => expect.step("asked"));
    await mountMenu();
    expect(".o_kubernetes_attention").toHaveCount(0);
    expect.verifySteps([]);
});
