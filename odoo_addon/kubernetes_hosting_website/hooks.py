# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).


def post_init_hook(env):
    """Give the checkout of every existing website the step; new ones copy it."""
    step = env.ref("kubernetes_hosting_website.checkout_step_app_names")
    for website in env["website"].search([]):
        if not website._get_checkout_step(step.step_href):
            step.copy({"website_id": website.id, "is_published": True})
