import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {animationFrame, beforeEach, describe, expect, test} from "@odoo/hoot";
import {queryAllTexts, queryFirst, waitFor} from "@odoo/hoot-dom";
import {advanceTime} from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    getService,
    makeMockEnv,
    models,
    mountView,
    onRpc,
    patchWithCleanup,
} from "@web/../tests/web_test_helpers";
import {loadBundle} from "@web/core/assets";
import {user} from "@web/core/user";

const CONTENT = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ odoo_nmae }}\n";
const PREVIEW = {
    digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    content: CONTENT,
    variables: ["odoo_nmae", "hostname"],
    missing: ["odoo_nmae"],
    objects: [{kind: "Service", api_version: "v1", name: "odoo"}],
    problems: [
        {
            code: "template_render",
            message: "'odoo_nmae' is undefined",
            hint: "Did you mean 'odoo_name'?",
            line: 4,
            column: 12,
        },
    ],
    warnings: [{code: "manifest_check", message: "No limits", line: 1, column: 1}],
};
const ARCH = `
    <form js_class="kubernetes_form">
        <field name="name"/>
        <field name="url" widget="url"/>
        <field name="format" widget="radio"/>
        <field name="preview_config_map_id"/>
        <widget name="kubernetes_manifest_preview"/>
    </form>`;

class ConfigMap extends models.Model {
    _name = "kubernetes.config.map";
    name = fields.Char();
    _records = [{id: 3, name: "Odoo 19"}];
}

class Manifest extends models.Model {
    _name = "kubernetes.manifest";
    name = fields.Char();
    url = fields.Char();
    format = fields.Selection({
        selection: [
            ["jinja", "Jinja Template"],
            ["helm", "Helm Chart"],
        ],
        default: "jinja",
    });
    digest = fields.Char();
    previewed_at = fields.Datetime();
    preview_config_map_id = fields.Many2one({relation: "kubernetes.config.map"});
    preview_secret_id = fields.Many2one({relation: "kubernetes.config.map"});
    _records = [
        {id: 1, name: "Odoo", url: "https://example.com/odoo.yml", format: "jinja"},
    ];
}

defineMailModels();
defineModels([ConfigMap, Manifest]);
describe.current.tags("desktop");

let listeners, isOperator, stored, answers, result, asFormat;

beforeEach(async () => {
    listeners = new Set();
    isOperator = true;
    stored = {state: "none"};
    answers = [{state: "waiting", job_id: 50}];
    result = {state: "waiting"};
    await makeMockEnv();
    await loadBundle("web.ace_lib");
    patchWithCleanup(user, {hasGroup: async () => isOperator});
    patchWithCleanup(getService("bus_service"), {
        // What the bus itself finds out comes at any time.
        get workerState() {
            return "CONNECTED";
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
    onRpc("kubernetes.manifest", "stored_preview", () => stored);
    onRpc("kubernetes.manifest", "request_preview", ({kwargs}) => {
        expect.step(`${kwargs.url} ${kwargs.manifest_id} ${kwargs.config_map_id}`);
        asFormat = kwargs.manifest_format;
        return answers.length > 1 ? answers.shift() : answers[0];
    });
    onRpc("kubernetes.manifest", "preview_result", () => result);
});

async function mount(values = {}) {
    await mountView({
        type: "form",
        resModel: "kubernetes.manifest",
        arch: ARCH,
        ...values,
    });
}

/** The worker has reported, and the bus says so. */
async function finish(preview = PREVIEW) {
    result = {state: "done", preview, previewed_at: "2019-03-11 09:30:00"};
    listeners.forEach((listener) => listener({"kubernetes.job": [50]}));
    await animationFrame();
}

test("typing the URL of a new manifest shows a preview before it is saved", async () => {
    await mount();
    expect(".o_kubernetes_preview").toHaveText(/Enter the URL/);
    const url = ".o_field_widget[name=url] input";
    await contains(url).edit("https://example.com/new.yml", {confirm: false});
    expect.verifySteps([]);
    await advanceTime(700);
    await animationFrame();
    expect.verifySteps(["https://example.com/new.yml false false"]);
    expect(".o_kubernetes_preview [role=status]").toHaveText(/A worker fetches/);
    await finish();
    await waitFor(".ace_editor .ace_gutter");
    expect(".o_kubernetes_preview [role=status]").toHaveText(/sha256:9f86d081884c…/);
    expect(url).toHaveValue("https://example.com/new.yml");
});

test("the text is highlighted as YAML, numbered, and its problems are marked", async () => {
    await mount({resId: 1});
    await finish();
    await waitFor(".ace_editor[data-mode=yaml] .ace_meta.ace_tag");
    expect(queryAllTexts(".ace_gutter-cell")).toEqual(["1", "2", "3", "4", "5"]);
    expect(".ace_gutter-cell.ace_error").toHaveText("4");
    expect(".ace_gutter-cell.ace_warning").toHaveText("1");
    expect(".o_kubernetes_error_line").toHaveCount(1);
    expect(queryFirst(".ace_text-input").ariaLabel).toBe("Content of the manifest");
    expect(queryAllTexts(".o_kubernetes_preview li")).toEqual([
        "line 4, column 12: 'odoo_nmae' is undefined\nDid you mean 'odoo_name'?",
        "line 1, column 1: No limits",
    ]);
    await contains(".o_kubernetes_preview li button:eq(0)").click();
    expect(window.ace.edit(queryFirst(".ace_editor")).getCursorPosition()).toEqual({
        row: 3,
        column: 11,
    });
    expect.verifySteps(["https://example.com/odoo.yml 1 false"]);
});

test("every place that a problem shows is marked, and leads there", async () => {
    const place = {of: "template", name: null, length: 3, from: 1, label: "not set"};
    const problem = {
        code: "template_render",
        message: "2 values are undefined",
        line: 2,
        column: 7,
        excerpts: [
            {...place, line: 2, column: 7, text: "kind: Service"},
            {...place, line: 4, column: 3, text: "  name: {{ odoo_nmae }}"},
            {
                ...place,
                of: "value",
                name: "value of `a` (config map)",
                line: 1,
                column: 4,
                text: "{{ b }}",
                length: 1,
                label: "needs `b`",
            },
        ],
    };
    await mount({resId: 1});
    await finish({...PREVIEW, problems: [problem], warnings: []});
    await waitFor(".ace_editor .ace_gutter");
    expect(".o_kubernetes_error_line").toHaveCount(2);
    expect(".o_kubernetes_error_range").toHaveCount(2);
    expect(queryAllTexts(".o_kubernetes_excerpt u")).toEqual(["Ser", "nam", "b"]);
    expect(".o_kubernetes_excerpt:eq(2)").toHaveText(
        /value of `a` \(config map\), line 1: needs `b`/
    );
    expect(".o_kubernetes_excerpt button").toHaveCount(2);
    await contains(".o_kubernetes_excerpt button:eq(1)").click();
    expect(window.ace.edit(queryFirst(".ace_editor")).getCursorPosition()).toEqual({
        row: 3,
        column: 2,
    });
    expect.verifySteps(["https://example.com/odoo.yml 1 false"]);
});

test("what a chosen config map lacks is told, and asked for anew", async () => {
    await mount({resId: 1});
    await finish();
    expect(".o_kubernetes_preview").toHaveText(/Choose a config map/);
    expect(".o_kubernetes_found").not.toHaveText(/Missing/);
    await contains(".o_field_widget[name=preview_config_map_id] input").click();
    await contains(".o-autocomplete--dropdown-item:eq(0)").click();
    await animationFrame();
    await finish();
    expect.verifySteps([
        "https://example.com/odoo.yml 1 false",
        "https://example.com/odoo.yml 1 3",
    ]);
    expect(queryAllTexts(".o_kubernetes_found dt")).toEqual([
        "Creates",
        "Missing",
        "Variables Used",
    ]);
    expect(queryAllTexts(".o_kubernetes_found dd")).toEqual([
        "Service odoo",
        "odoo_nmae",
        "hostname",
    ]);
});

test("another format is asked for anew, and what was seen goes", async () => {
    await mount({resId: 1});
    await finish();
    await waitFor(".ace_editor .ace_gutter");
    expect(asFormat).toBe("jinja");
    await contains(".o_field_widget[name=format] input[data-value=helm]").click();
    await animationFrame();
    expect(asFormat).toBe("helm");
    expect(".ace_editor").toHaveCount(0);
    expect.verifySteps([
        "https://example.com/odoo.yml 1 false",
        "https://example.com/odoo.yml 1 false",
    ]);
});

test("without the bus the result is asked for every second", async () => {
    await mount({resId: 1});
    result = {state: "done", preview: PREVIEW, previewed_at: "2019-03-11 09:30:00"};
    await advanceTime(1000);
    await animationFrame();
    expect(".ace_editor").toHaveCount(1);
    expect.verifySteps(["https://example.com/odoo.yml 1 false"]);
});

test("no worker is told, and the preview comes as soon as one is there", async () => {
    answers = [{state: "no_worker"}, {state: "no_worker"}, answers[0]];
    await mount({resId: 1});
    await animationFrame();
    expect(".o_kubernetes_preview .alert-warning").toHaveText(/No worker is there/);
    await advanceTime(5000);
    await animationFrame();
    expect(".o_kubernetes_preview .alert-warning").toHaveCount(1);
    listeners.forEach((listener) => listener({"kubernetes.worker": [1]}));
    await animationFrame();
    await finish();
    expect(".o_kubernetes_preview .alert-warning:contains(No worker)").toHaveCount(0);
    expect(".ace_editor").toHaveCount(1);
    expect.verifySteps(Array(3).fill("https://example.com/odoo.yml 1 false"));
});

test("a URL that cannot be is told", async () => {
    answers = [{state: "refused", message: "“x” is not a URL"}];
    await mount({resId: 1});
    await animationFrame();
    expect(".o_kubernetes_preview .alert-danger").toHaveText("“x” is not a URL");
    expect.verifySteps(["https://example.com/odoo.yml 1 false"]);
});

test("an answer for the last URL does not cover the new one's", async () => {
    answers = [
        {state: "waiting", job_id: 49},
        {state: "waiting", job_id: 50},
    ];
    await mount({resId: 1});
    await animationFrame();
    await contains(".o_field_widget[name=url] input").edit("https://example.com/b.yml");
    await animationFrame();
    result = {state: "done", preview: {...PREVIEW, content: "old: 1\n"}};
    listeners.forEach((listener) => listener({"kubernetes.job": [49]}));
    await animationFrame();
    expect(".ace_editor").toHaveCount(0);
    await finish();
    expect(".ace_editor").toHaveCount(1);
    expect.verifySteps([
        "https://example.com/odoo.yml 1 false",
        "https://example.com/b.yml 1 false",
    ]);
});

test("who may only read sees what was seen last, and asks for nothing", async () => {
    isOperator = false;
    stored = {state: "done", preview: PREVIEW, previewed_at: "2019-03-11 09:30:00"};
    await mount({resId: 1});
    await waitFor(".ace_editor");
    expect(".o_kubernetes_preview [role=status] button").toHaveCount(0);
    expect.verifySteps([]);
});

test("what cannot be fetched any more leaves the last content to be read", async () => {
    stored = {
        state: "done",
        preview: {...PREVIEW, problems: [], warnings: []},
        previewed_at: "2019-03-11 09:30:00",
    };
    await mount({resId: 1});
    await finish({
        digest: "",
        content: "",
        variables: [],
        missing: [],
        objects: [],
        problems: [{code: "manifest_fetch", message: "404 Not Found"}],
        warnings: [],
    });
    expect(".o_kubernetes_preview li").toHaveText("404 Not Found");
    expect(".ace_editor").toHaveCount(1);
    expect.verifySteps(["https://example.com/odoo.yml 1 false"]);
});
