# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""All of these tests run with exactly the rights of config/."""

import subprocess
from pathlib import Path


def test_the_worker_has_the_rights_that_config_gives_it_and_no_more(bed):
    settings = Path(bed["LOGS"]).parent / "worker" / "chandlery.toml"
    done = subprocess.run(
        [bed["CHANDLERY"], "check", "--config", settings],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "permissions: the worker may do all it needs",
        "admission policy: the worker is kept to its own namespaces",
    ):
        assert line in done.stdout
    assert "rights beyond" not in done.stdout, done.stdout
