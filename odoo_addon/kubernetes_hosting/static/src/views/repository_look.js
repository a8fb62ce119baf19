import {Component, onWillDestroy, onWillStart, useEffect, useState} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";
import {CHANGED} from "./live_reload";
import {useTypedUrl} from "./typed_url";

const OPERATOR = "kubernetes_hosting.group_kubernetes_operator";
const MODEL = "kubernetes.repository";

// How often (ms) the result is asked for, should the bus not tell of it.
const WAIT = 1000;

/**
 * What a worker finds at a repository's URL before it is saved: whether it is reached,
 * what is in it, and what is wrong with it.
 */
export class RepositoryLook extends Component {
    static template = "kubernetes_hosting.RepositoryLook";
    static props = {...standardWidgetProps};

    setup() {
        this.orm = useService("orm");
        this.bus = useService("bus_service");
        // Status: none, waiting, no_worker, refused, failed or done
        this.state = useState({status: "none", message: "", found: null});
        this.jobId = null;
        // Answers to an earlier question are dropped.
        this.question = 0;

        onWillStart(async () => {
            this.isOperator = await user.hasGroup(OPERATOR);
        });
        useEffect(
            () => {
                this.ask();
            },
            () => [this.url, this.savedUrl]
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
    /** Of what is saved the history tells. */
    get savedUrl() {
        return this.record.resId ? this.record._values?.url : null;
    }

    followServer() {
        const onChanged = (changed) => {
            if ((changed["kubernetes.job"] || []).includes(this.jobId)) {
                this.readResult();
            }
        };
        this.bus.subscribe(CHANGED, onChanged);
        const waiting = browser.setInterval(
            () => this.jobId && this.readResult(),
            WAIT
        );
        onWillDestroy(() => {
            this.question++;
            this.bus.unsubscribe(CHANGED, onChanged);
            browser.clearInterval(waiting);
        });
    }

    async ask() {
        const question = ++this.question;
        this.jobId = null;
        if (!this.url || !this.isOperator || this.url === this.savedUrl) {
            Object.assign(this.state, {status: "none", message: "", found: null});
            return;
        }
        this.show({state: "waiting"});
        const answer = await this.orm.silent.call(MODEL, "request_look", [], {
            url: this.url,
        });
        if (question === this.question) {
            this.jobId = answer.job_id || null;
            this.show(answer);
        }
    }

    async readResult() {
        const question = this.question;
        const answer = await this.orm.silent.call(MODEL, "look_result", [this.jobId]);
        if (question === this.question && this.jobId) {
            if (answer.state === "done" || answer.state === "failed") {
                this.jobId = null;
            }
            this.show(answer);
        }
    }

    show({state, message, found}) {
        Object.assign(this.state, {
            status: state,
            message: message || "",
            found: found || null,
        });
    }

    place({url, manifest, line, column}) {
        return [url || manifest, line, column].filter(Boolean).join(":");
    }
}

registry.category("view_widgets").add("kubernetes_repository_look", {
    component: RepositoryLook,
    fieldDependencies: [{name: "url", type: "char"}],
});
