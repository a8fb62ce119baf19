import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

import {Component, onMounted, onWillUnmount, xml} from "@odoo/owl";

// The bus tells at once; asking every two seconds is for when it is down.
const ASK_AGAIN = 2000;

/**
 * Reloads the form while the job that one of its fields names is at work. Shows nothing.
 *
 *     <widget name="kubernetes_follow_job" job="job_id" at_work="is_at_work" />
 */
export class FollowJob extends Component {
    static template = xml`<t/>`;
    static props = {
        ...standardWidgetProps,
        job: String,
        atWork: String,
    };

    setup() {
        const bus = useService("bus_service");
        const changed = ({model, id}) => {
            const job = this.props.record.data[this.props.job];
            if (model === "kubernetes.job" && job && job.id === id) {
                this.reload();
            }
        };
        bus.subscribe("kubernetes.changed", changed);
        let timer = null;
        onMounted(() => {
            timer = setInterval(() => this.reload(), ASK_AGAIN);
        });
        onWillUnmount(() => {
            clearInterval(timer);
            bus.unsubscribe("kubernetes.changed", changed);
        });
    }

    async reload() {
        const {record, atWork} = this.props;
        if (record.data[atWork] && record.resId && !this.reloading) {
            this.reloading = true;
            try {
                await record.load();
            } finally {
                this.reloading = false;
            }
        }
    }
}

registry.category("view_widgets").add("kubernetes_follow_job", {
    component: FollowJob,
    extractProps: ({attrs}) => ({job: attrs.job, atWork: attrs.at_work}),
});
