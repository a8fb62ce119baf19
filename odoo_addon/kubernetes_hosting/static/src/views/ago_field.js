import {Component, xml} from "@odoo/owl";
import {RelativeTime} from "@mail/core/common/relative_time";
import {formatDateTime} from "@web/core/l10n/dates";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";

/** How long ago it was; exactly when says its tooltip. */
export class AgoField extends Component {
    static template = xml`
        <time t-if="value" t-att-datetime="value.toISO()" t-att-title="exact">
            <RelativeTime datetime="value"/>
        </time>`;
    static components = {RelativeTime};
    static props = {...standardFieldProps};

    get value() {
        return this.props.record.data[this.props.name];
    }

    get exact() {
        return formatDateTime(this.value);
    }
}

registry.category("fields").add("kubernetes_ago", {
    component: AgoField,
    supportedTypes: ["datetime"],
});
