"""What an operator does with an app, in the backend and beside it in the cluster."""

import re

import shop
from apps import wait_until
from playwright.sync_api import expect


def app(operator, record):
    fields = ["state", "state_message", "wanted_state", "ingress_state", "observed_at"]
    (found,) = operator.call("kubernetes.app", "read", [record], fields)
    return found


def wait_for_state(operator, record, state):
    wait_until(
        f"the app is {state}",
        lambda: app(operator, record)["state"] == state,
    )


def replicas(kubectl, namespace):
    """Deployment -> the replicas that it wants."""
    found = kubectl.get("deployments", "-n", namespace)["items"]
    return {item["metadata"]["name"]: item["spec"]["replicas"] for item in found}


def config(operator, record):
    """The app's own variables, as text."""
    (found,) = operator.call("kubernetes.app", "read", [record], ["config_map_id"])
    lines = operator.search_read(
        "kubernetes.config.map.line",
        [("config_map_id", "=", found["config_map_id"][0])],
        ["key", "value"],
    )
    return {line["key"]: line["value"] for line in lines}


def open_app(page, bed, record):
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    page.goto(f"/odoo/kubernetes.app/{record}")
    page.locator(".o_form_view .o_form_sheet").wait_for()


def press(page, button, confirm=None):
    page.locator(".o_statusbar_buttons").get_by_role(
        "button", name=button, exact=True
    ).click()
    if confirm:
        dialog = page.get_by_role("dialog")
        # Enter alone does nothing.
        expect(dialog.locator(".o_kubernetes_said")).to_be_focused()
        dialog.get_by_role("button", name=confirm, exact=True).click()


def shown_state(page):
    return page.locator(".o_form_statusbar .o_arrow_button_current")


def test_values_of_the_chosen_variant_go_into_the_app_and_the_cluster(
    operator, kubectl, hosting
):
    """Values may depend on the chosen variant (size S/M/L, Odoo version)."""
    for record in (hosting.production, hosting.integration):
        values = config(operator, record)
        assert (values["odoo_workers"], values["odoo_volume_size"]) == ("4", "50Gi")
        namespace = hosting.namespace(record)
        (odoo,) = [
            item
            for item in kubectl.get("deployments", "-n", namespace)["items"]
            if item["metadata"]["name"] == "odoo"
        ]
        container = odoo["spec"]["template"]["spec"]["containers"][0]
        assert container["resources"]["limits"]["memory"] == "5Gi"
        assert container["image"] == "docker.io/library/odoo:19.0"


def test_what_the_worker_tells_is_read_in_the_operators_language(operator, hosting):
    """Steps of a real deploy, in English and in German."""
    (job,) = operator.search_read(
        "kubernetes.job",
        [("app_id", "=", hosting.production), ("kind", "=", "deploy")],
        ["state", "step_ids"],
        order="id",
        limit=1,
    )
    assert job["state"] == "done"

    def steps(lang):
        read = operator.call(
            "kubernetes.job.step",
            "read",
            job["step_ids"],
            ["code", "message", "message_shown"],
            context={"lang": lang},
        )
        return {step["code"]: step for step in read}

    english, german = steps("en_US"), steps("de_DE")
    for step in english.values():
        assert step["message_shown"] == step["message"]
    number = re.fullmatch(r"(\d+) manifests, .*", english["fetching"]["message"])[1]
    assert german["fetching"]["message_shown"].startswith(f"{number} Manifeste, ")
    namespace = hosting.namespace(hosting.production)
    assert german["namespace"]["message_shown"] == f"{namespace} angelegt"
    assert german["ingress"]["message_shown"].split(" hat die Adresse ")[1]


def test_stop_start_and_restart(page, bed, operator, kubectl, hosting):
    """Stop, Start, Restart: each is idempotent, each shows its story."""
    record, namespace = hosting.integration, hosting.namespace(hosting.integration)
    open_app(page, bed, record)
    press(page, "Stop", confirm="Stop")
    # Without a click, the form follows.
    expect(shown_state(page)).to_have_text("Stopped")
    assert replicas(kubectl, namespace) == {"odoo": 0, "postgres": 0}

    operator.call("kubernetes.app", "action_stop", [record])  # again changes nothing
    wait_for_state(operator, record, "stopped")
    press(page, "Start")
    expect(shown_state(page)).to_have_text("Running")
    assert replicas(kubectl, namespace) == {"odoo": 1, "postgres": 1}

    def pods():
        found = kubectl.get("pods", "-n", namespace)["items"]
        return {item["metadata"]["uid"] for item in found}

    before = pods()
    press(page, "Restart", confirm="Restart")
    wait_until("all pods are other ones", lambda: not before & pods())
    wait_for_state(operator, record, "running")
    stories = operator.search_read(
        "kubernetes.job",
        [("app_id", "=", record), ("kind", "in", ("stop", "start", "restart"))],
        ["kind", "state", "step_ids", "requested_by"],
        order="id",
    )
    assert [job["kind"] for job in stories][-1] == "restart"
    assert {"stop", "start"} < {job["kind"] for job in stories}
    assert all(job["step_ids"] for job in stories)


def test_a_change_in_the_cluster_shows_without_a_click(
    page, bed, operator, kubectl, hosting
):
    """It also refreshes without a click when the cluster changes."""
    record, namespace = hosting.production, hosting.namespace(hosting.production)
    open_app(page, bed, record)
    expect(shown_state(page)).to_have_text("Running")
    # Those of the mail domain come by themselves.
    asked_for = [
        ("app_id", "=", record),
        ("kind", "not in", ("mail_domain", "invitation")),
    ]
    jobs = operator.call("kubernetes.job", "search_count", asked_for)
    # The worker may not watch workloads: it looks every now and then.
    kubectl("scale", "deployment", "--all", "--replicas=0", "-n", namespace)
    expect(shown_state(page)).to_have_text("Stopped")
    kubectl("scale", "deployment", "--all", "--replicas=1", "-n", namespace)
    expect(shown_state(page)).to_have_text("Running")
    assert jobs == operator.call("kubernetes.job", "search_count", asked_for)


def test_apply_shows_beforehand_what_would_change_and_brings_back_what_is_missing(
    page, bed, operator, kubectl, hosting
):
    """Apply: beforehand a readable diff of what would change, secrets masked."""
    record, namespace = hosting.integration, hosting.namespace(hosting.integration)
    kubectl("delete", "service/odoo", "-n", namespace)
    kubectl("scale", "deployment/odoo", "--replicas=3", "-n", namespace)
    secret = kubectl.get("secret/postgres", "-n", namespace)["data"]["password"]
    open_app(page, bed, record)
    press(page, "Apply")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("objects would change")
    expect(dialog).to_contain_text("Service")
    expect(dialog).to_contain_text("replicas: 3")
    expect(dialog).to_contain_text("replicas: 1")
    assert secret not in dialog.inner_text()
    dialog.get_by_role("button", name="Apply", exact=True).click()
    wait_until(
        "the Service is there again",
        lambda: kubectl("get", "service/odoo", "-n", namespace, check=False).stdout,
    )
    wait_for_state(operator, record, "running")
    assert replicas(kubectl, namespace)["odoo"] == 1


def test_update_looks_at_the_cluster_and_shows_the_ingress(
    page, bed, operator, hosting
):
    """Update: after it the ingress status is shown, and when it was looked at."""
    before = app(operator, hosting.production)["observed_at"]
    open_app(page, bed, hosting.production)
    press(page, "Update")
    wait_until(
        "somebody has looked",
        lambda: app(operator, hosting.production)["observed_at"] > before,
    )
    form = page.locator(".o_form_view")
    expect(form).to_contain_text("127.0.0.1")
    expect(form).to_contain_text(f"{hosting.name}.apps.localhost")
    assert app(operator, hosting.production)["ingress_state"] == "ready"


def test_the_preview_of_a_manifest_is_there_when_its_url_is_entered(
    page, bed, operator
):
    """When the URL is entered the form shows a preview, without another click."""
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    page.goto("/odoo/action-kubernetes_hosting.kubernetes_manifest_action/new")
    form = page.locator(".o_form_view")
    form.locator(".o_field_widget[name=name] input").fill("Somebody else's")
    url = form.locator(".o_field_widget[name=url] input")
    url.fill(f"{bed['CATALOG_URL']}/odoo/postgres.yml")
    url.press("Tab")
    preview = page.locator(".o_kubernetes_preview")
    expect(preview).to_contain_text("postgres_image")
    expect(preview).to_contain_text("Deployment postgres")
    expect(preview.locator(".o_kubernetes_yaml")).to_contain_text("kind: Secret")
    (job,) = operator.search_read(
        "kubernetes.job",
        [("kind", "=", "preview")],
        ["create_date", "finished_at", "state"],
        order="id desc",
        limit=1,
    )
    assert job["state"] == "done"


def test_an_app_goes_back_to_what_an_earlier_job_has_deployed(
    page, bed, operator, kubectl, hosting
):
    """As deployed on …, with the difference beforehand."""
    record, namespace = hosting.integration, hosting.namespace(hosting.integration)

    def deploys():
        """Those that are done, the last one first."""
        return operator.search_read(
            "kubernetes.job",
            [
                ("app_id", "=", record),
                ("kind", "=", "deploy"),
                ("state", "=", "done"),
            ],
            ["id"],
            order="id desc",
        )

    def in_cluster():
        maps = kubectl.get("configmaps", "-n", namespace)["items"]
        return any(
            "log_level = debug_rpc" in text
            for item in maps
            for text in item.get("data", {}).values()
        )

    before, level = len(deploys()), config(operator, record)["odoo_log_level"]
    operator.call("kubernetes.app", "action_apply", [record])
    wait_until("it is deployed", lambda: len(deploys()) > before)
    (found,) = operator.call("kubernetes.app", "read", [record], ["config_map_id"])
    (line,) = operator.search_read(
        "kubernetes.config.map.line",
        [
            ("config_map_id", "=", found["config_map_id"][0]),
            ("key", "=", "odoo_log_level"),
        ],
        ["id"],
    )
    operator.call(
        "kubernetes.config.map.line", "write", [line["id"]], {"value": "debug_rpc"}
    )
    operator.call("kubernetes.app", "action_apply", [record])
    wait_until("it is deployed once more", lambda: len(deploys()) > before + 1)
    wait_until("the cluster has the value", in_cluster)

    open_app(page, bed, record)
    page.get_by_role("tab", name="Jobs", exact=True).click()
    # The last one is what runs now.
    page.get_by_role("button", name="Restore", exact=True).nth(1).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("As deployed on")
    expect(dialog).to_contain_text("-odoo_log_level: debug_rpc")
    expect(dialog).to_contain_text(f"+odoo_log_level: {level}")
    dialog.get_by_role("button", name="Restore and Apply", exact=True).click()
    wait_until("it is deployed again", lambda: len(deploys()) > before + 2)
    assert config(operator, record)["odoo_log_level"] == level
    assert not in_cluster()
    wait_for_state(operator, record, "running")
    notes = operator.search_read(
        "mail.message",
        [("model", "=", "kubernetes.app"), ("res_id", "=", record)],
        ["body"],
    )
    assert any("Restored to what job" in note["body"] for note in notes)
