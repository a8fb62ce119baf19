# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How fast an API server takes objects by server-side apply when nothing else is done:
connections that are kept, bodies made beforehand, no client library.

Standard input holds the server's host and port, the folder of its certificates, how
many write at once, and apps: each a list of ``[path, body]``, which are applied one
after the other. Prints two numbers: the seconds for all apps, and for all once more.
"""

import http.client
import json
import multiprocessing
import ssl
import sys
import threading
import time
from pathlib import Path

#: Each core gets one; threads of one process wait beside one another.
PROCESSES = min(4, multiprocessing.cpu_count())
HEADERS = {"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"}


def main():
    asked = json.load(sys.stdin)
    asked["apps"] = [
        [(path, json.dumps(body)) for path, body in app] for app in asked["apps"]
    ]
    context = multiprocessing.get_context("fork")
    for _ in range(2):
        next_app = context.Value("i", 0)
        failed = context.Queue()
        workers = [
            context.Process(
                target=work,
                args=(asked, len(range(one, asked["writers"], PROCESSES)))
                + (next_app, failed),
            )
            for one in range(PROCESSES)
        ]
        begun = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        took = time.perf_counter() - begun
        if not failed.empty():
            sys.exit(failed.get())
        print(took, flush=True)


def work(asked, writers, next_app, failed):
    threads = [
        threading.Thread(target=write, args=(asked, next_app, failed))
        for _ in range(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write(asked, next_app, failed):
    pki = Path(asked["pki"])
    context = ssl.create_default_context(cafile=pki / "ca.crt")
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    server = http.client.HTTPSConnection(asked["host"], asked["port"], context=context)
    while True:
        with next_app.get_lock():
            number, next_app.value = next_app.value, next_app.value + 1
        if number >= len(asked["apps"]):
            return
        for path, body in asked["apps"][number]:
            server.request("PATCH", path, body, HEADERS)
            answer = server.getresponse()
            said = answer.read()
            if answer.status not in (200, 201):
                failed.put(f"{path}: {said.decode()[:500]}")
                return


if __name__ == "__main__":
    main()
