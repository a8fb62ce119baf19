"""No page of ours keeps anybody out: axe-core finds nothing serious or critical in what
we have made, and phones and slow eyes are thought of.

What Odoo itself puts around and into its pages is left out by its selectors; of
everything else each finding fails, also one of a rule that axe-core learns later.
"""

import os
import re
import uuid
from pathlib import Path

import pytest
import shop
from apps import wait_until
from playwright.sync_api import expect

LEVELS = ("serious", "critical")
#: Odoo's own, with all that is in it: around shop and portal …
SHOP = (
    "header",
    "footer",
    "[name=step_name]",
    "input.quantity",
    "#o_payment_form",
    ".o_portal_icon",
    ".o_portal_navbar",
)
#: … and of the backend, where it draws what our views name.
BACKEND = (
    ".o_main_navbar",
    ".o_control_panel",
    ".o-mail-Chatter",
    ".o-mail-ActivityButton",
    ".o_avatar",
    ".o-checkbox",
    ".o_clipboard_button",
    ".o_field_badge",
    ".o_tag",
    ".o-tooltip",
    ".o_notebook_headers",
    ".o_optional_columns_dropdown",
    ".o_loading_indicator",
    ".o_search_panel",
    ".o_field_many2many_tags .o-autocomplete",
)
#: Odoo's own, but not what is in it: its backend has no language, its dialogs no name.
THEMSELVES = ("html", ".modal")

CHECK = """async ({levels, within, themselves}) => {
    const {violations} = await axe.run(document, {resultTypes: ["violations"]});
    const ours = ({target}) => {
        const element = document.querySelector(target[0]);
        return !element.closest(within) && !element.matches(themselves);
    };
    return violations
        .filter(({impact}) => levels.includes(impact))
        .flatMap(({id, nodes}) => nodes.filter(ours).map(({target, html}) =>
            `${id}: ${target.join(" ")}: ${html.slice(0, 200)}`
        ));
}"""


class Checked:
    """The pages that were looked at, and what was found."""

    def __init__(self, page, furniture):
        self.page, self.furniture, self.found = page, furniture, []
        # Nothing is looked at while it fades in.
        page.emulate_media(reduced_motion="reduce")

    def look(self, name):
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Path(os.environ["AXE"]).read_text())
        found = self.page.evaluate(
            CHECK,
            {
                "levels": LEVELS,
                "within": ", ".join(self.furniture),
                "themselves": ", ".join(THEMSELVES),
            },
        )
        self.found += [f"{name}: {line}" for line in found]

    def says_nothing(self):
        assert not self.found, "\n".join(self.found)


def test_shop_and_portal(page, operator, hosting, unique):
    """Shop, cart, name, payment, confirmation, list, app, dialogs."""
    checked = Checked(page, SHOP)

    def look(name):
        shop.ready(page)
        checked.look(name)

    name = f"axe-{unique}"
    shop.log_in(page, hosting.login, hosting.password)
    shop.put_into_cart(page)
    look("cart")
    page.goto("/shop")
    page.get_by_role("link", name=shop.PRODUCT).first.click()
    look("product")
    shop.go_to_name_step(page)
    look("name step")
    shop.type_name(page, hosting.name)
    expect(shop.name_message(page)).to_contain_text("taken")
    look("name that is taken")
    shop.type_name(page, name)
    expect(shop.name_message(page)).to_contain_text("is free")
    look("name that is free")
    shop.submit_name(page)
    shop.prepare_payment(page)
    look("payment")
    shop.press_pay(page)
    shop.wait_for_confirmation(page)
    look("confirmation")
    page.goto("/my")
    expect(page.get_by_text("See how your apps are doing")).to_be_visible()
    look("portal")
    page.goto("/my/apps")
    look("list")
    page.goto("/my/apps?search=nothing-like-this")
    expect(page.get_by_text("None of your apps matches.")).to_be_visible()
    look("nothing found")
    for app in (hosting.production, hosting.integration):
        page.goto(f"/my/apps/{app}")
        look("app")
    assert_badges_are_coloured(page)
    for details in page.locator("details:not([open]) summary").all():
        details.click()
    look("app, all unfolded")
    for kind in ("restart", "reset"):
        page.locator(f"#kubernetes_app_{kind}_button").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        look(f"{kind} dialog")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_have_count(0)
    checked.says_nothing()


def assert_badges_are_coloured(page):
    """Odoo's website has a way of its own to draw them."""
    badges = page.locator(".o_kubernetes_badge")
    expect(badges.first).to_be_visible()
    styles = badges.evaluate_all(
        """badges => badges.map(badge => {
            const {backgroundColor, borderTopWidth} = getComputedStyle(badge);
            return [backgroundColor, borderTopWidth];
        })"""
    )
    for background, border in styles:
        red, green, blue, *alpha = map(float, re.findall(r"[\d.]+", background))
        assert min(red, green, blue) < 245 and alpha in ([], [1]), background
        assert float(border.removesuffix("px")) > 0, border


def open_screen(page, address):
    page.goto(f"/odoo/{address}")
    page.locator(".o_view_controller, .o_form_view").first.wait_for()


def test_who_wants_less_motion_has_less(page, bed):
    """What turns while somebody waits stands still."""
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    open_screen(page, "action-kubernetes_hosting.kubernetes_app_action")
    turning = """name => {
        const box = document.createElement("div");
        box.className = name;
        box.innerHTML = "<i class='fa fa-spinner fa-spin'></i>";
        document.body.append(box);
        return getComputedStyle(box.firstChild).animationName;
    }"""
    for box in ("o_kubernetes_said", "o_kubernetes_preview"):
        page.emulate_media(reduced_motion="no-preference")
        assert page.evaluate(turning, box) != "none"
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(turning, box) == "none"


LISTS = (
    *(
        f"kubernetes_hosting.kubernetes_{model}_action"
        for model in (
            "attention",
            "app",
            "job",
            "package",
            "repository",
            "manifest",
            "config_map",
            "secret",
            "cluster",
            "environment",
            "namespace",
            "namespace_found",
            "worker",
            "reserved_name",
        )
    ),
    "kubernetes_hosting_sale.kubernetes_app_reservation_action",
)
#: What is cut off of headers, and of cells whose text is no sentence: of these the
#: beginning will do, and all of it stands in the record.
CUT = """typical => [...document.querySelectorAll(
    ".o_list_table :is(th, td), .o_list_table :is(th, td) *"
)]
    .filter(it => it.offsetWidth && it.innerText?.trim())
    .filter(it => it.closest("th") || it.innerText.trim().length <= typical)
    .filter(it => ["hidden", "clip"].includes(getComputedStyle(it).overflowX))
    .filter(it => it.scrollWidth > it.clientWidth)
    .map(it => `${it.closest("th") ? "header " : ""}${it.innerText.trim()}`)"""
TYPICAL = 40


@pytest.mark.parametrize("lang", ["en_US", "de_DE"])
def test_lists_are_readable_at_1280_pixels(page, bed, administrator, hosting, lang):
    """Of no list a header or what usually stands in it is cut off, and none has to be
    scrolled to the side."""
    login = f"reader-{uuid.uuid4().hex[:8]}"
    (operator,) = administrator.search_read(
        "res.users", [("login", "=", bed["OPERATOR_LOGIN"])], ["group_ids"]
    )
    values = {"name": login, "login": login, "password": "a good password"}
    groups = [(6, 0, operator["group_ids"])]
    reader = administrator.call(
        "res.users", "create", [{**values, "lang": lang, "group_ids": groups}]
    )
    assert page.viewport_size["width"] == 1280
    shop.log_in(page, login, "a good password")
    found = []
    for action in LISTS:
        open_screen(page, f"action-{action}")
        switch = page.locator("button.o_switch_view.o_list")
        if switch.count():
            switch.click()
        page.locator(".o_list_renderer").wait_for()
        found += [f"{action}: {cut}" for cut in page.evaluate(CUT, TYPICAL)]
        scrolls = "it => it.scrollWidth > it.clientWidth"
        if page.locator(".o_list_renderer").evaluate(scrolls):
            found.append(f"{action} is wider than its screen")
    administrator.call("res.users", "write", reader, {"active": False})
    assert not found, "\n".join(found)


def test_backend(page, bed, operator, hosting):
    """What needs attention, apps with their tabs, jobs, manifests, dialogs."""
    checked = Checked(page, BACKEND)
    look = checked.look
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    for model in ("attention", "app", "job", "manifest", "config_map", "secret"):
        open_screen(page, f"action-kubernetes_hosting.kubernetes_{model}_action")
        look(f"{model} list")
        page.locator("button.o_switch_view.o_kanban").click()
        page.locator(".o_kanban_view").wait_for()
        look(f"{model} kanban")
    for model in ("cluster", "environment", "namespace", "namespace_found", "worker"):
        open_screen(page, f"action-kubernetes_hosting.kubernetes_{model}_action")
        look(f"{model} list")

    open_screen(page, f"kubernetes.app/{hosting.integration}")
    tabs = page.locator(".o_notebook_headers .nav-link")
    for tab in tabs.all():
        tab.click()
        expect(tab).to_have_class(re.compile("active"))
        look(f"app, tab {tab.inner_text()}")
    for button, words in (
        ("Apply", "would change"),
        ("Restart", "will be restarted"),
        ("Stop", "will be stopped"),
        ("Reset", "data"),
        ("Delete", "volumes stay"),
    ):
        page.locator(".o_statusbar_buttons").get_by_role(
            "button", name=button, exact=True
        ).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(words)
        look(f"{button} dialog")
        dialog.locator(".modal-header .btn-close").click()
        expect(dialog).to_have_count(0)

    fields = ["config_map_id", "secret_id", "namespace_id", "cluster_id"]
    (app,) = operator.call("kubernetes.app", "read", [hosting.integration], fields)
    for name in fields:
        model = f"kubernetes.{name.removesuffix('_id').replace('_', '.')}"
        open_screen(page, f"{model}/{app[name][0]}")
        look(f"{model} form")
    (job,) = operator.search_read(
        "kubernetes.job", [("app_id", "=", hosting.integration)], ["id"], limit=1
    )
    open_screen(page, f"kubernetes.job/{job['id']}")
    look("job form")
    (manifest,) = operator.search_read("kubernetes.manifest", [], ["id"], limit=1)
    open_screen(page, f"kubernetes.manifest/{manifest['id']}")
    expect(page.locator(".o_kubernetes_preview")).to_be_visible()
    look("manifest form")
    checked.says_nothing()


def test_wizards_of_administrators(page, administrator, kubectl, hosting, unique):
    """A worker's key, a vars.yml, a namespace that is taken over."""
    checked = Checked(page, BACKEND)
    shop.log_in(page, "admin", "admin")
    dialog = page.get_by_role("dialog")

    def press(button, words):
        page.get_by_role("button", name=button, exact=True).first.click()
        expect(dialog).to_contain_text(words)
        checked.look(f"{button} dialog")

    worker = administrator.call("kubernetes.worker", "create", {"name": unique})
    open_screen(page, f"kubernetes.worker/{worker}")
    press("Create Key", "Valid")
    dialog.get_by_role("button", name="Create Key").click()
    # Odoo asks who it is.
    dialog.locator("input[type=password]").fill("admin")
    dialog.get_by_role("button", name="Confirm Password").click()
    expect(dialog).to_contain_text("shown only now")
    checked.look("key dialog")
    dialog.get_by_role("button", name="I have copied it").click()
    expect(dialog).to_have_count(0)
    administrator.call("kubernetes.worker", "write", [worker], {"active": False})

    open_screen(page, "action-kubernetes_hosting.kubernetes_config_map_action")
    press("Import vars.yml", "paste it here")
    dialog.locator("[name=text] textarea").fill("size: 3\nname: [x\n")
    dialog.locator("[name=text] textarea").blur()
    expect(dialog).to_contain_text("the bracket that stands here is not closed")
    checked.look("import with an error")
    dialog.locator("[name=text] textarea").fill("size: 3\nname: x\n")
    dialog.locator("[name=text] textarea").blur()
    expect(dialog).to_contain_text("2 new")
    checked.look("import")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog).to_have_count(0)

    # As from a database that was restored: of ours, and of no app that Odoo knows.
    known = kubectl.get("namespace", hosting.namespace(hosting.production))
    labels = {**known["metadata"]["labels"]}
    labels.pop("kubernetes.io/metadata.name")
    name = f"found-{unique}"
    kubectl("create", "namespace", name)
    try:
        labels["chandlery.dev/uid"] = uuid.uuid4().hex
        kubectl("label", "namespace", name, *(f"{k}={v}" for k, v in labels.items()))
        wait_until(
            f"Odoo is told of {name}",
            lambda: administrator.search_read(
                "kubernetes.namespace.found", [("name", "=", name)], ["id"]
            ),
        )
        (found,) = administrator.search_read(
            "kubernetes.namespace.found", [("name", "=", name)], ["id"]
        )
        open_screen(page, f"kubernetes.namespace.found/{found['id']}")
        press("Take Over", name)
        dialog.locator(".modal-header .btn-close").click()
    finally:
        kubectl("delete", "namespace", name, "--wait=false")
    checked.says_nothing()


def test_library(page, bed, operator):
    """Repositories, before and after they are saved, packages, versions, and the
    dialogs that install one or make a product of it."""
    checked = Checked(page, BACKEND)
    look = checked.look
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    for model in ("package", "repository"):
        open_screen(page, f"action-kubernetes_hosting.kubernetes_{model}_action")
        for view in ("list", "kanban"):
            page.locator(f"button.o_switch_view.o_{view}").click()
            page.locator(f".o_{view}_view").wait_for()
            look(f"{model} {view}")
    for model in ("package", "package.version", "repository", "repository.run"):
        (record,) = operator.search_read(f"kubernetes.{model}", [], ["id"], limit=1)
        open_screen(page, f"kubernetes.{model}/{record['id']}")
        look(f"{model} form")
    (package,) = operator.search_read("kubernetes.package", [], ["id"], limit=1)
    open_screen(page, f"kubernetes.package/{package['id']}")
    page.locator("button[name=action_install]").click()
    page.get_by_role("dialog").wait_for()
    look("install dialog")
    page.get_by_role("dialog").locator(".modal-header .btn-close").click()
    page.locator("button[name=action_make_product]").click()
    page.get_by_role("dialog").wait_for()
    look("dialog of a product")
    repositories = "action-kubernetes_hosting.kubernetes_repository_action"
    open_screen(page, f"{repositories}/new")
    page.locator(".o_field_widget[name=url] input").fill(bed["CATALOG_URL"])
    page.keyboard.press("Tab")
    expect(page.locator(".o_kubernetes_look")).to_contain_text("can be read")
    look("a new repository")
    checked.says_nothing()
