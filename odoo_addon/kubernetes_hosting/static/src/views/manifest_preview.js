import {Component, onWillDestroy, onWillStart, useEffect, useState} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {cookie} from "@web/core/browser/cookie";
import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";
import {CHANGED} from "./live_reload";
import {useTypedUrl} from "./typed_url";
import {YamlCode} from "./yaml_code";

const OPERATOR = "kubernetes_hosting.group_kubernetes_operator";
const MODEL = "kubernetes.manifest";

// How often (ms) the result is asked for, should the bus not tell of it.
const WAIT = 1000;
// How often (ms) a worker is looked for.
const LOOK = 5000;

/**
 * What a worker makes of the manifest's URL, as it stands in the form: saved or not.
 */
export class ManifestPreview extends Component {
    static template = "kubernetes_hosting.ManifestPreview";
    static components = {YamlCode};
    static props = {...standardWidgetProps};

    setup() {
        this.orm = useService("orm");
        this.bus = useService("bus_service");
        this.state = useState({
            // none, asking, waiting, no_worker, refused, failed or done
            status: "none",
            message: "",
            preview: null,
            previewedAt: null,
            // with which values it was made
            values: null,
            position: null,
        });
        this.jobId = null;
        // Answers to an earlier question are dropped.
        this.question = 0;

        // At once: a form that is drawn anew meanwhile has destroyed this component.
        onWillStart(() => Promise.all([this.readGroup(), this.readStored()]));
        useEffect(
            () => {
                this.ask();
            },
            () => [
                this.url,
                this.record.data.format,
                this.record.resId,
                this.configMapId,
                this.secretId,
            ]
        );
        // Somebody else's preview, or a deploy, saw something new.
        useEffect(
            () => {
                if (this.state.status === "done" || this.state.status === "none") {
                    this.readStored();
                }
            },
            () => [this.record.data.digest, this.record.data.previewed_at?.ts]
        );
        useTypedUrl(this);
        this.followServer();
    }

    get record() {
        return this.props.record;
    }
    get url() {
        return (this.record.data.url || "").trim();
    }
    get configMapId() {
        return this.record.data.preview_config_map_id?.id || false;
    }
    get secretId() {
        return this.record.data.preview_secret_id?.id || false;
    }

    get values() {
        return `${this.configMapId} ${this.secretId}`;
    }

    // -- asking ------------------------------------------------------------------

    followServer() {
        const onChanged = (changed) => {
            if ((changed["kubernetes.job"] || []).includes(this.jobId)) {
                this.readResult();
            } else if (
                "kubernetes.worker" in changed &&
                this.state.status === "no_worker"
            ) {
                this.ask();
            }
        };
        this.bus.subscribe(CHANGED, onChanged);
        const waiting = browser.setInterval(
            () => this.jobId && this.readResult(),
            WAIT
        );
        const looking = browser.setInterval(() => {
            if (this.state.status === "no_worker" && !this.jobId && !document.hidden) {
                this.ask();
            }
        }, LOOK);
        onWillDestroy(() => {
            this.question++;
            this.bus.unsubscribe(CHANGED, onChanged);
            browser.clearInterval(waiting);
            browser.clearInterval(looking);
        });
    }

    async readGroup() {
        this.isOperator = await user.hasGroup(OPERATOR);
    }

    async readStored() {
        const {resId} = this.record;
        if (!resId) {
            return;
        }
        const question = this.question;
        const answer = await this.orm.call(MODEL, "stored_preview", [
            [resId],
            this.url,
        ]);
        if (question === this.question && answer.state === "done") {
            this.show(answer);
        }
    }

    async ask() {
        const question = ++this.question;
        this.jobId = null;
        if (!this.url) {
            Object.assign(this.state, {status: "none", preview: null, message: ""});
            return;
        }
        if (!this.isOperator) {
            return;
        }
        const asked = `${this.record.data.format} ${this.url}`;
        const isOther = this.asked !== undefined && this.asked !== asked;
        this.asked = asked;
        if (isOther) {
            this.state.preview = null;
        }
        if (this.state.status !== "no_worker") {
            this.state.status = "asking";
        }
        const answer = await this.orm.silent.call(MODEL, "request_preview", [], {
            url: this.url,
            title: this.record.data.name || "",
            manifest_id: this.record.resId || false,
            config_map_id: this.configMapId,
            secret_id: this.secretId,
            manifest_format: this.record.data.format || "jinja",
        });
        if (question === this.question) {
            this.jobId = answer.job_id || null;
            this.show(answer);
        }
    }

    async readResult() {
        const question = this.question;
        const answer = await this.orm.silent.call(MODEL, "preview_result", [
            this.jobId,
        ]);
        if (question === this.question && this.jobId) {
            if (answer.state === "done" || answer.state === "failed") {
                this.jobId = null;
            }
            this.show(answer);
        }
    }

    show({state, message, preview, previewed_at: previewedAt}) {
        this.state.status = state;
        this.state.message = message || "";
        if (preview) {
            // Without a content it could not be fetched: what is known of it stays.
            const known = this.state.preview;
            this.state.preview =
                preview.content || !known
                    ? preview
                    : {...preview, content: known.content, digest: known.digest};
            this.state.previewedAt = previewedAt;
            this.state.values = this.values;
        }
    }

    // -- showing -----------------------------------------------------------------

    get isAtWork() {
        return ["asking", "waiting"].includes(this.state.status);
    }
    get theme() {
        return cookie.get("color_scheme") === "dark" ? "monokai" : "";
    }
    get seen() {
        const at =
            this.state.previewedAt && deserializeDateTime(this.state.previewedAt);
        return at ? {ago: at.toRelative(), exactly: formatDateTime(at)} : null;
    }
    get shortDigest() {
        return this.state.preview.digest.slice(0, 19);
    }
    get hasValues() {
        return Boolean(this.configMapId || this.secretId);
    }
    get missing() {
        const isOfValues = this.state.values === this.values;
        return this.hasValues && isOfValues ? this.state.preview.missing : [];
    }
    get present() {
        const {variables} = this.state.preview;
        return variables.filter((name) => !this.missing.includes(name));
    }
    get marks() {
        const {problems, warnings} = this.state.preview;
        return [
            ...warnings.map((warning) => ({...warning, type: "warning"})),
            ...problems.map((problem) => ({...problem, type: "error"})),
        ];
    }
    /** The places in the manifest's own text: those that the problems show, or all that is known. */
    get places() {
        return this.marks.flatMap((mark) => {
            const shown = (mark.excerpts || []).filter(
                (excerpt) => excerpt.of === "template"
            );
            const placed = shown.length ? shown : [mark];
            return placed.map(({line, column, length, label}) => ({
                line,
                column,
                length,
                message: label || mark.message,
                type: mark.type,
            }));
        });
    }
    get label() {
        return _t("Content of the manifest");
    }

    place({document, line, column, object, field}) {
        const places = [
            [_t("line"), line],
            [_t("column"), column],
            [_t("document"), line ? null : document],
            [_t("object"), object],
            [_t("field"), field],
        ];
        return places
            .filter(([, value]) => value)
            .map(([name, value]) => `${name} ${value}`)
            .join(", ");
    }

    /** The lines that a problem shows, where the editor does not show them as its only place. */
    lines({excerpts = []}) {
        return excerpts.length === 1 && excerpts[0].of === "template" ? [] : excerpts;
    }

    line({of, name, line, column, length, text, from, label}) {
        const start = column - from;
        const titles = {
            template: _t("line %s", line),
            rendered: _t("rendered text, line %s", line),
            value: _t("%(name)s, line %(line)s", {name, line}),
        };
        return {
            title: titles[of],
            isPlace: of === "template",
            before: text.slice(0, start),
            marked: text.slice(start, start + length),
            after: text.slice(start + length),
            label,
        };
    }

    goTo({line, column}) {
        this.state.position = {line, column};
    }
}

export const manifestPreview = {
    component: ManifestPreview,
    fieldDependencies: [
        {name: "name", type: "char"},
        {name: "url", type: "char"},
        {name: "format", type: "selection"},
        {name: "digest", type: "char"},
        {name: "previewed_at", type: "datetime"},
        {name: "preview_config_map_id", type: "many2one"},
        {name: "preview_secret_id", type: "many2one"},
    ],
};

registry.category("view_widgets").add("kubernetes_manifest_preview", manifestPreview);
