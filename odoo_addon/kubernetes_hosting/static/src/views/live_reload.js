import {onWillDestroy} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {useService} from "@web/core/utils/hooks";

export const CHANGED = "kubernetes.changed";

// Changes come in bunches: wait this long (ms) for more of them.
const GATHER = 300;
// How often (ms) what was put off is tried again, and how often records are read while
// the connection to the bus is down.
const RETRY = 5000;

/**
 * Reload a view when the server says that what it shows has changed.
 *
 * @param {Object} view
 * @param {(changed: Object<string, number[]>) => boolean} view.shows is asked with the
 *  ids of what has changed, by their models
 * @param {() => Promise<boolean>} view.reload answers false when it has to wait,
 *  because somebody is editing
 */
export function useLiveReload({shows, reload}) {
    const bus = useService("bus_service");
    let gathering = null;
    let putOff = false;

    const onChanged = (changed) => {
        if (gathering === null && shows(changed)) {
            gathering = browser.setTimeout(reloadNow, GATHER);
        }
    };
    const reloadNow = async () => {
        gathering = null;
        putOff = !(await reload());
    };
    const isBusDown = () => ["CONNECTING", "DISCONNECTED"].includes(bus.workerState);
    const retry = browser.setInterval(() => {
        if (gathering === null && !document.hidden && (putOff || isBusDown())) {
            reloadNow();
        }
    }, RETRY);

    bus.subscribe(CHANGED, onChanged);
    onWillDestroy(() => {
        bus.unsubscribe(CHANGED, onChanged);
        browser.clearInterval(retry);
        browser.clearTimeout(gathering);
    });
}
