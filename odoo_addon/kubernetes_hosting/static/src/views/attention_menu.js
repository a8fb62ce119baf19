import {Component, onWillDestroy, onWillStart, useState, xml} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {session} from "@web/session";
import {sprintf} from "@web/core/utils/strings";
import {useService} from "@web/core/utils/hooks";
import {CHANGED} from "./live_reload";

// Everybody who works here counts: at most once in this time (ms).
const GATHER = 10000;
// More than these are not counted.
const MOST = 99;

/** How much needs attention, in the menu of every app; nothing where all is well. */
export class AttentionMenu extends Component {
    static template = xml`
        <div class="o_kubernetes_attention d-flex" t-if="state.count">
            <button
                type="button"
                class="o_nav_entry btn h-100 rounded-0 border-0 d-flex align-items-center"
                t-att-aria-label="label"
                t-att-title="label"
                t-on-click="open"
            >
                <i class="fa fa-exclamation-triangle" aria-hidden="true"/>
                <span class="badge rounded-pill text-bg-danger" t-esc="number"/>
            </button>
        </div>`;
    static props = {};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({count: 0});
        if (!session.kubernetes_attention) {
            return;
        }
        const bus = useService("bus_service");
        let gathering = null;
        const onChanged = () => {
            gathering ||= browser.setTimeout(async () => {
                gathering = null;
                await this.count();
            }, GATHER);
        };
        bus.subscribe(CHANGED, onChanged);
        onWillStart(() => this.count());
        onWillDestroy(() => {
            bus.unsubscribe(CHANGED, onChanged);
            browser.clearTimeout(gathering);
        });
    }

    get number() {
        return this.state.count > MOST ? `${MOST}+` : String(this.state.count);
    }

    get label() {
        return this.state.count > MOST
            ? sprintf(_t("Needs attention: more than %s"), MOST)
            : sprintf(_t("Needs attention: %s"), this.state.count);
    }

    async count() {
        this.state.count = await this.orm.silent.searchCount(
            "kubernetes.attention",
            [["cause_id", "=", false]],
            {limit: MOST + 1}
        );
    }

    open() {
        return this.action.doAction("kubernetes_hosting.kubernetes_attention_action", {
            clearBreadcrumbs: true,
        });
    }
}

registry
    .category("systray")
    .add("kubernetes_hosting.attention", {Component: AttentionMenu}, {sequence: 30});
