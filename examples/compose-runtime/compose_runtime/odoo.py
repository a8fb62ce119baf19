# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The three calls: JSON-RPC 2.0 with a key."""

import json
import platform
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from . import VERSION

#: The version of the contract that this worker speaks, and the oldest that has kinds of
#: clusters.
CONTRACT = OLDEST = 2
SECONDS = 30


class CallFailed(Exception):
    """Odoo did not do what was asked. ``refused``: it did not understand it either."""

    def __init__(self, message, refused=False):
        super().__init__(message)
        self.refused = refused


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key elsewhere."""

    def redirect_request(self, *_arguments):
        return None


class Odoo:
    def __init__(self, settings, name):
        self.url = settings["url"].rstrip("/")
        self.database = settings.get("database")
        self.key_file = Path(settings["key_file"])
        self.identity = {
            "name": name,
            "instance": str(uuid.uuid4()),
            "version": VERSION,
            "machine": platform.node(),
        }
        self.opener = urllib.request.build_opener(NoRedirect)
        #: The version that Odoo's last answer was of.
        self.spoken = 0

    def call(self, name, params):
        """The call's result; CallFailed, after which it may be made again."""
        params = {
            "contract": CONTRACT,
            "contract_minimum": OLDEST,
            "worker": self.identity,
            **params,
        }
        asked = {"jsonrpc": "2.0", "method": "call", "id": name, "params": params}
        headers = {
            "Content-Type": "application/json",
            # Read anew each time: it may have been replaced.
            "Authorization": f"Bearer {self.key_file.read_text().strip()}",
        }
        if self.database:
            headers["X-Odoo-Database"] = self.database
        request = urllib.request.Request(
            f"{self.url}/kubernetes_hosting/worker/{name}",
            json.dumps(asked).encode(),
            headers,
        )
        try:
            with self.opener.open(request, timeout=SECONDS) as answer:
                said = json.load(answer)
        except (OSError, ValueError) as error:
            raise CallFailed(f"{name}: {error}") from error
        if not isinstance(said, dict) or "result" not in said:
            error = said.get("error") if isinstance(said, dict) else None
            raise CallFailed(f"{name}: {(error or {}).get('message', 'no answer')}")
        result = said["result"]
        if "error" in result:
            refused = result["error"]["code"] == "bad_params"
            raise CallFailed(f"{name}: {result['error']['message']}", refused)
        self.spoken = result.get("contract", 1)
        return result
