# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from psycopg2.extras import Json

NAME = "{{ object.name }}"
# What tells the mails of two environments apart.
NAME_AND_ENVIRONMENT = (
    "{{ object.name if object.environment_id.is_production"
    ' else "%s (%s)" % (object.name, object.environment_id.name) }}'
)
SUBJECTS = {
    "en_US": f"Your app {NAME} is ready",
    "de_DE": f"Ihre App {NAME} ist bereit",
}


def migrate(cr, version):
    """The invitation's subject names the environment, unless somebody wrote another
    one."""
    for lang, subject in SUBJECTS.items():
        cr.execute(
            """
            UPDATE mail_template template
               SET subject = template.subject || %s
              FROM ir_model_data data
             WHERE data.module = 'kubernetes_hosting'
               AND data.name = 'mail_template_app_invitation'
               AND data.res_id = template.id
               AND template.subject ->> %s = %s
            """,
            [
                Json({lang: subject.replace(NAME, NAME_AND_ENVIRONMENT)}),
                lang,
                subject,
            ],
        )
