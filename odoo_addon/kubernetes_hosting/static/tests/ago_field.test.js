import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {describe, expect, test} from "@odoo/hoot";
import {mockDate} from "@odoo/hoot-mock";
import {defineModels, fields, models, mountView} from "@web/../tests/web_test_helpers";

class Attention extends models.Model {
    _name = "kubernetes.attention";
    since = fields.Datetime();
    _records = [
        {id: 1, since: "2026-11-29 09:30:00"},
        {id: 2, since: false},
    ];
}

defineMailModels();
defineModels([Attention]);
describe.current.tags("desktop");

test("how long ago it was, and in the tooltip when", async () => {
    mockDate("2026-11-29 10:00:00", 0);
    await mountView({
        type: "list",
        resModel: "kubernetes.attention",
        arch: `<list><field name="since" widget="kubernetes_ago"/></list>`,
    });
    expect("td[name=since]:eq(0)").toHaveText("30 minutes ago");
    expect("td[name=since]:eq(0) time").toHaveAttribute("title", "11/29/2026 09:30:00");
    expect("td[name=since]:eq(1)").toHaveText("");
});
