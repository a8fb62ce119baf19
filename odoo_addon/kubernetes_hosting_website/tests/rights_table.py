# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Who may do what: the one table that ``test_rights_table`` holds all models, fields,
methods and routes of our addons against. What is not in here fails the test, and what
is in here no longer, too.

The records are those of the first company and of its customer A. The columns:

- public: a visitor
- A: the customer whose app it is; B: another one
- employee: without any of our groups
- user, operator, administrator: of Kubernetes, in the first company
- other: an operator of a second company

A model's cells are made of r (read), w (write), c (create), d (delete), or -.
"""

from typing import NamedTuple

COLUMNS = tuple("public A B employee user operator administrator other".split())

KEEPERS = "operator administrator"
STAFF = "user operator administrator"


class Model(NamedTuple):
    """The rights on one of our models, and what in it has narrower ones."""

    cells: str
    # Fields that only the system writes, where somebody writes the model.
    system: str = ""
    # Fields that only these columns read: {"columns": "fields"}.
    only: dict = {}
    # Columns that read nothing but these fields: {"column": "fields"}.
    reads: dict = {}
    # Who may call which of its public methods: {"columns": "methods"}.
    calls: dict = {}


class Extension(NamedTuple):
    """What we add to a model of another addon."""

    # Who reads which field of ours on a record of A's: {"columns": "fields"}.
    reads: dict = {}
    system: str = ""
    calls: dict = {}


#        public  A     B     employee user operator administrator other
MODELS = {
    "kubernetes.app": Model(
        "-       r     -     -        r    rwcd     rwcd          c",
        system="active change_ids delete_mail_id delete_on dns_record_ids"
        " had_other_customer hostname hostname_ids"
        " ingress_addresses ingress_hosts ingress_message ingress_message_words"
        " ingress_since ingress_state"
        " ingress_tls inventory invitation_due invitation_lacks_address"
        " invitation_mail_id invitation_message_id invitation_problem"
        " invitation_problem_words"
        " invitation_recipient invitation_resent_at invitation_sent_at"
        " invitation_state job_ids"
        " mail_check_count mail_checked_at mail_domain mail_error_hint"
        " mail_error_hint_words mail_mark mail_message mail_message_words"
        " mail_published mail_registered_at mail_state namespace_id node_port_ids"
        " images objects_seen"
        " observed_at observed_by"
        " observed_message observed_message_words observed_state package_digest"
        " package_version_id password_link_ids product_id sale_order_id"
        " sale_order_line_id served_domains"
        " state state_message state_message_words state_since"
        " stopped_by_subscription"
        " subscription_id uid unit_no urgency wanted_state",
        reads={
            "A": "access_token access_url access_warning active create_date create_uid"
            " customer_state delete_on display_name environment_id hostname id name"
            " partner_id reset_allowed restart_allowed state url wanted_state"
            " write_date write_uid"
        },
        calls={
            KEEPERS: "action_apply action_ask_apply action_ask_restart"
            " action_ask_start action_ask_stop action_check_mail_domain action_delete"
            " action_forget_mail_domain action_keep action_new_namespace"
            " action_open_invitation_template"
            " action_refresh action_reset action_restart action_retry_installation"
            " action_review action_send_invitation action_start action_stop"
            " action_take_back action_update_package",
            STAFF: "action_view_namespace action_view_sale_order action_view_siblings"
            " action_view_subscription",
            f"A {STAFF}": "action_open action_view_jobs action_view_partner",
        },
    ),
    "kubernetes.app.apply": Model(
        "-       -     -     -        -    rwcd     c             c",
        system="job_id",
        calls={"operator": "action_compare action_confirm"},
    ),
    "kubernetes.app.change": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.app.domain": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="certificate_ends check_count checked_at company_id is_proven lost_at"
        " message message_words state token",
        calls={KEEPERS: "action_check action_primary"},
    ),
    "kubernetes.app.delete": Model(
        "-       -     -     -        -    rwcd     c             c",
        calls={"operator": "action_confirm"},
    ),
    "kubernetes.app.manifest": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="content_id held_digest held_since",
        calls={KEEPERS: "action_release"},
    ),
    "kubernetes.app.reservation": Model(
        "-       -     -     -        r    r        r             -",
        only={"": "address_hash"},
    ),
    "kubernetes.app.request": Model(
        "-       -     -     -        -    rwcd     c             c",
        calls={"operator": "action_compare action_confirm action_confirm_changing"},
    ),
    "kubernetes.app.request.line": Model(
        "-       -     -     -        -    rwcd     c             c",
        system="job_id",
    ),
    "kubernetes.app.reset": Model(
        "-       -     -     -        -    rwcd     c             c",
        calls={"operator": "action_confirm"},
    ),
    "kubernetes.app.restore": Model(
        "-       -     -     -        -    rwcd     c             c",
        system="changes",
        calls={"operator": "action_confirm action_look"},
    ),
    "kubernetes.attention": Model(
        "-       -     -     -        r    r        r             -",
        calls={
            STAFF: "action_open action_view_symptoms",
            "operator administrator": "action_apply action_delete action_retry"
            " action_take_over",
        },
    ),
    "kubernetes.attention.told": Model(
        "-       -     -     -        -    -        r             -",
    ),
    "kubernetes.attribute.value": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
    ),
    "kubernetes.cluster": Model(
        "-       -     -     -        r    r        rwcd          -",
        system="capacity draining last_reached last_seen looked_at message"
        " message_words observed_until observer_id observer_process state version"
        " worker_ids",
        calls={
            KEEPERS: "action_repair",
            STAFF: "action_view_apps",
            "administrator": "action_drain action_end_draining",
        },
    ),
    "kubernetes.config.map": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="template_id",
        calls={KEEPERS: "action_apply action_import", STAFF: "action_export"},
    ),
    "kubernetes.config.map.action": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        calls={KEEPERS: "action_run"},
    ),
    "kubernetes.config.map.import": Model(
        "-       -     -     -        -    rwcd     c             c",
        system="problem",
        calls={"operator": "action_discard action_import"},
    ),
    "kubernetes.config.map.import.line": Model(
        "-       -     -     -        -    rwcd     c             c",
    ),
    "kubernetes.config.map.line": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
    ),
    "kubernetes.dns.record": Model(
        "-       -     -     -        r    r        r             -",
    ),
    # Environments, reserved names and workers belong to all companies.
    # What becomes of the database concerns all companies.
    "kubernetes.database.moved": Model(
        "-       -     -     -        -    -        rwcd          -",
        calls={"": "action_copy action_original"},
    ),
    "kubernetes.environment": Model(
        "-       r     r     -        r    r        rwcd          r",
        only={f"{STAFF} other": "app_ids"},
    ),
    "kubernetes.hostname": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.job": Model(
        "-       -     -     -        r    r        r             -",
        only={"": "token"},
        calls={KEEPERS: "action_cancel action_restore action_retry"},
    ),
    "kubernetes.job.step": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.manifest": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="content content_ids digest fetched_at files is_changed package_path"
        " package_version_id pin pinned_content"
        " pinned_files preview previewed_at problem_count variables",
        calls={
            f"{KEEPERS} other": "request_preview",
            KEEPERS: "action_import_values action_pin action_unpin",
            f"{STAFF} other": "preview_result",
            STAFF: "action_view_apps stored_preview",
        },
    ),
    "kubernetes.manifest.content": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.name.check": Model(
        "-       -     -     -        -    -        r             -",
    ),
    "kubernetes.name.holder": Model(
        "-       -     -     -        -    -        r             -",
    ),
    "kubernetes.namespace": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.namespace.adopt": Model(
        "-       -     -     -        -    rwcd     c             c",
        calls={"operator": "action_adopt action_adopt_as_new action_delete"},
    ),
    "kubernetes.namespace.adopt.all": Model(
        "-       -     -     -        -    rwcd     c             c",
        calls={"operator": "action_adopt"},
    ),
    "kubernetes.namespace.found": Model(
        "-       -     -     -        r    r        r             -",
        calls={STAFF: "action_take_over", KEEPERS: "action_delete"},
    ),
    "kubernetes.node.port": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.order.value": Model(
        "-       -     -     -        r    r        r             -",
        only={"": "secret_value"},
    ),
    "kubernetes.package": Model(
        "-       -     -     -        r    r        r             -",
        calls={
            KEEPERS: "action_install",
            # Whoever may not make products is told so.
            "": "action_make_product",
            STAFF: "action_view_apps",
        },
    ),
    "kubernetes.package.category": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.package.install": Model(
        "-       -     -     -        -    rwcd     c             c",
        calls={"operator": "action_install"},
    ),
    "kubernetes.package.install.line": Model(
        "-       -     -     -        -    rwcd     c             c",
    ),
    "kubernetes.package.sell": Model(
        "-       -     -     -        -    rwcd     c             c",
        # Who may make products: none of the columns.
        calls={"": "action_make"},
    ),
    "kubernetes.package.sell.line": Model(
        "-       -     -     -        -    rwcd     c             c",
    ),
    "kubernetes.package.version": Model(
        "-       -     -     -        r    r        r             -",
        calls={KEEPERS: "action_accept"},
    ),
    "kubernetes.password.guess": Model(
        "-       -     -     -        -    -        r             -",
    ),
    "kubernetes.password.link": Model(
        "-       -     -     -        r    r        r             -",
        only={"": "token_hash"},
    ),
    "kubernetes.product.manifest": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
    ),
    "kubernetes.repository": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="error error_words failed_since indexed_at job_ids package_ids"
        " problem_count run_ids",
        calls={
            KEEPERS: "action_index",
            f"{KEEPERS} other": "look_result request_look",
            STAFF: "action_view_packages",
        },
    ),
    "kubernetes.repository.run": Model(
        "-       -     -     -        r    r        r             -",
    ),
    "kubernetes.reserved.name": Model(
        "-       -     -     -        r    r        rwcd          r",
    ),
    "kubernetes.secret": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="template_id",
        calls={KEEPERS: "action_apply"},
    ),
    "kubernetes.secret.line": Model(
        "-       -     -     -        r    rwcd     rwcd          c",
        system="is_set",
        only={"administrator": "stored_value"},
    ),
    "kubernetes.worker": Model(
        "-       -     -     -        r    r        rwcd          r",
        system="announced_cluster_ids asked_clusters contract_version key_created_at"
        " key_ids key_shared_at last_seen mailgun_region mailgun_sending_domain"
        " outdated processes reported_name sharers state user_id version",
        only={"administrator": "key_ids user_id"},
        calls={
            "administrator": "action_create_key action_revoke_keys",
            f"{STAFF} other": "upgrade_check",
        },
    ),
    "kubernetes.worker.key": Model(
        "-       -     -     -        -    -        r             -",
        only={"": "api_key_id"},
        calls={"administrator": "action_revoke"},
    ),
    # Who else works for all companies reads it; see the rules of workers.
    "kubernetes.worker.key.create": Model(
        "-       -     -     -        -    -        rwcd          -",
        calls={"administrator": "action_create"},
    ),
}

# What we add to Odoo's own models. Sellers and Odoo's administrators are none of the
# columns.
EXTENSIONS = {
    "product.attribute.value": Extension(
        reads={
            f"{STAFF} other": "kubernetes_is_editable kubernetes_plan"
            " kubernetes_summary"
            " kubernetes_value_ids"
            " kubernetes_cluster_selector"
            " limit_cpu limit_memory limit_node_ports limit_pods limit_storage",
            # It is made for the shop.
            f"public A B employee {STAFF} other": "kubernetes_description",
        },
        system="kubernetes_plan",
        calls={f"{STAFF} other": "action_kubernetes_values"},
    ),
    "product.template": Extension(
        reads={
            STAFF: "available_version_id available_version_name package_digest"
            " package_version_id"
            " kubernetes_app_count kubernetes_apply_allowed"
            " kubernetes_attribute_value_ids"
            " kubernetes_cluster_id kubernetes_cluster_selector"
            " kubernetes_config_map_id kubernetes_domains_allowed kubernetes_place_ids"
            " kubernetes_environment_ids kubernetes_is_editable kubernetes_manifest_ids"
            " kubernetes_not_sellable kubernetes_problems"
            " kubernetes_reset_manifest_ids kubernetes_secret_id"
            " limit_cpu limit_memory limit_node_ports limit_pods limit_storage",
            f"employee {STAFF}": "kubernetes_hosting kubernetes_reset_mode",
        },
        system="package_digest package_version_id",
        # Who may write products: sellers, who are none of the columns.
        calls={STAFF: "action_view_kubernetes_apps", "": "action_update_package"},
    ),
    "product.product": Extension(),
    "res.company": Extension(
        reads={
            f"public A B employee {STAFF}": "kubernetes_announce_days"
            " kubernetes_retention_days kubernetes_unpaid_names",
        },
    ),
    "res.config.settings": Extension(),
    "res.partner": Extension(
        reads={f"{STAFF} other": "kubernetes_app_count"},
        calls={f"A {STAFF} other": "action_view_kubernetes_apps"},
    ),
    "res.users": Extension(
        reads={f"A employee {STAFF}": "kubernetes_on_duty"},
    ),
    "sale.order": Extension(
        reads={
            "A": "kubernetes_missing_app kubernetes_named_at kubernetes_pending",
        },
        system="kubernetes_named_at kubernetes_pending kubernetes_problem",
    ),
    "sale.order.line": Extension(
        reads={"A": "kubernetes_app_names kubernetes_values_given"}
    ),
    "sale.subscription": Extension(),
    "sale.subscription.line": Extension(),
}

# Routes: what is asked, and which columns are answered otherwise than for an id that is
# not there. Where nobody is, the answer hangs on nothing but a key, a token or the own
# session. {app}, {config_map}, {order} and {line} stand for the ids of A's records.
ROUTES = {
    "/kubernetes_hosting/app_name/check": (
        (
            "JSON",
            "/kubernetes_hosting/app_name/check",
            {
                "order_id": "{order}",
                "access_token": "wrong",
                "line_id": "{line}",
                "unit": 1,
                "name": "free-name",
            },
        ),
        "A",
    ),
    "/kubernetes_hosting/config_map/<int:config_map_id>/vars.yml": (
        ("GET", "/kubernetes_hosting/config_map/{config_map}/vars.yml"),
        STAFF,
    ),
    "/kubernetes_hosting/worker/claim": (
        ("JSON", "/kubernetes_hosting/worker/claim"),
        "",
    ),
    "/kubernetes_hosting/worker/observe": (
        ("JSON", "/kubernetes_hosting/worker/observe"),
        "",
    ),
    "/kubernetes_hosting/worker/report": (
        ("JSON", "/kubernetes_hosting/worker/report"),
        "",
    ),
    "/my/apps": (("GET", "/my/apps"), ""),
    "/my/apps/page/<int:page>": (("GET", "/my/apps/page/1"), ""),
    "/my/apps/status": (("JSON", "/my/apps/status", {"app_ids": [1]}), ""),
    "/my/apps/<int:app_id>": (("GET", "/my/apps/{app}"), f"A {STAFF}"),
    "/my/apps/<int:app_id>/domains": (
        ("POST", "/my/apps/{app}/domains"),
        f"A {STAFF}",
    ),
    "/my/apps/<int:app_id>/domains/<int:domain_id>"
    "/<any(check, change, primary, enable, disable, delete):action>": (
        ("POST", "/my/apps/{app}/domains/1/check"),
        f"A {STAFF}",
    ),
    "/my/apps/<int:app_id>/status": (
        ("JSON", "/my/apps/{app}/status"),
        f"A {STAFF}",
    ),
    "/my/apps/<int:app_id>/settings": (
        ("POST", "/my/apps/{app}/settings"),
        f"A {STAFF}",
    ),
    "/my/apps/<int:app_id>/<any(restart, reset, deploy, invitation):kind>": (
        ("POST", "/my/apps/{app}/restart"),
        f"A {STAFF}",
    ),
    "/my/apps/<int:app_id>/password": (
        ("GET", "/my/apps/{app}/password?token=wrong"),
        "",
    ),
    "/my/apps/<int:app_id>/password/<any(look, ask, answer, shown):call>": (
        ("JSON", "/my/apps/{app}/password/ask", {"token": "wrong"}),
        "",
    ),
    "/my/orders/<int:order_id>/accept": (
        ("JSON", "/my/orders/{order}/accept", {"name": "x", "signature": "x"}),
        "A",
    ),
    "/my/orders/<int:order_id>/address": (("GET", "/my/orders/{order}/address"), "A"),
    "/my/orders/<int:order_id>/app_names": (
        ("GET", "/my/orders/{order}/app_names"),
        "A",
    ),
    "/my/orders/<int:order_id>/apps": (("JSON", "/my/orders/{order}/apps"), "A"),
    "/shop/app_names": (("GET", "/shop/app_names"), ""),
    "/shop/payment/validate": (("GET", "/shop/payment/validate"), ""),
}
