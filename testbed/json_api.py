# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Requests with JSON to servers on loopback, the Kubernetes API server above all."""

import json
import ssl
import sys
import time
import urllib.request

#: How long a watch waits for a change, in seconds.
WATCH_SECONDS = 10
RETRY_SECONDS = 1


class Json:
    """Requests with JSON to one server on loopback."""

    def __init__(self, url, context=None):
        self.url = url
        handlers = [urllib.request.ProxyHandler({})]
        if context is not None:
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self.opener = urllib.request.build_opener(*handlers)

    def open(self, method, path, body=None, kind="application/json"):
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": kind},
        )
        return self.opener.open(request, timeout=3 * WATCH_SECONDS)

    def __call__(self, method, path, body=None, **more):
        with self.open(method, path, body, **more) as answer:
            return json.load(answer)


class Cluster(Json):
    """The API server of a test bed, asked as its administrator."""

    def __init__(self, server, pki):
        context = ssl.create_default_context(cafile=pki / "ca.crt")
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        super().__init__(server, context)

    def list(self, path):
        """The objects, and the version of the list to watch from."""
        found = self("GET", path)
        return found["items"], found["metadata"]["resourceVersion"]

    def wait_for_change(self, path, version):
        options = f"watch=1&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
        with self.open("GET", f"{path}?{options}") as answer:
            answer.readline()


def again_and_again(action):
    """Do it for ever; a server that does not answer is asked again."""
    said = None
    while True:
        try:
            action()
            if said:
                print("well again", file=sys.stderr, flush=True)
            said = None
        except (OSError, ValueError, KeyError) as error:
            if str(error) != said:
                said = str(error)
                print(f"trying again: {said}", file=sys.stderr, flush=True)
            time.sleep(RETRY_SECONDS)
