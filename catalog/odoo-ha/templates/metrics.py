"""Gives Prometheus what the containers of this pod use, under the names that cAdvisor
has for it, and, beside an Odoo, how that one is.

The kubelet's own metrics are of all pods of a node: who may read them has rights on
nodes, which an app has not. But each container sees its own cgroup, and this one, which
shares the process namespace, sees it through their processes: it has the same user.
"""

import os
import signal
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2

POD = {"namespace": os.environ["NAMESPACE"], "pod": os.environ["POD"]}
ODOO = os.environ.get("ODOO")
#: More than any machine has: no limit.
NO_LIMIT = 1 << 60


def containers():
    """Container name -> its cgroups, as one of its processes sees them."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:  # It has ended, or is somebody else's.
            continue
        for variable in environment:
            name, _, value = variable.partition(b"=")
            if name == b"CONTAINER":
                found.setdefault(value.decode(), process / "root/sys/fs/cgroup")
    return found


def numbers(file):
    """A file with a name and a number in each line, or with a number only."""
    words = [line.split() for line in file.read_text().splitlines()]
    return {
        line[0] if len(line) > 1 else "": NO_LIMIT
        if line[-1] == "max"
        else int(line[-1])
        for line in words
    }


def usage(group):
    """(metric, labels, value) of a container."""
    if (group / "cgroup.controllers").exists():
        memory, cpu = numbers(group / "memory.stat"), numbers(group / "cpu.stat")
        used, limit = (
            numbers(group / "memory.current")[""],
            numbers(group / "memory.max")[""],
        )
        rss, inactive = memory["anon"], memory["inactive_file"]
        seconds = cpu["usage_usec"] / 1e6
        throttled = cpu.get("throttled_usec", 0) / 1e6
        kills = numbers(group / "memory.events")["oom_kill"]
    else:
        memory, cpu = (
            numbers(group / "memory/memory.stat"),
            numbers(group / "cpu/cpu.stat"),
        )
        used, limit = (
            numbers(group / f"memory/memory.{of}_in_bytes")[""]
            for of in ("usage", "limit")
        )
        rss, inactive = memory["total_rss"], memory["total_inactive_file"]
        seconds = numbers(group / "cpuacct/cpuacct.usage")[""] / 1e9
        throttled = cpu.get("throttled_time", 0) / 1e9
        kills = numbers(group / "memory/memory.oom_control").get("oom_kill", 0)
    pids = (
        group / "pids.current"
        if (group / "pids.current").exists()
        else group / "pids/pids.current"
    )
    yield "container_cpu_usage_seconds_total", {}, seconds
    yield "container_cpu_cfs_periods_total", {}, cpu.get("nr_periods", 0)
    yield "container_cpu_cfs_throttled_periods_total", {}, cpu.get("nr_throttled", 0)
    yield "container_cpu_cfs_throttled_seconds_total", {}, throttled
    yield "container_memory_usage_bytes", {}, used
    yield "container_memory_working_set_bytes", {}, max(used - inactive, 0)
    yield "container_memory_rss", {}, rss
    yield "container_spec_memory_limit_bytes", {}, 0 if limit >= NO_LIMIT else limit
    yield "container_oom_events_total", {}, kills
    yield "container_processes", {}, numbers(pids)[""]


def network():
    for line in Path("/proc/net/dev").read_text().splitlines()[2:]:
        interface, _, counters = line.partition(":")
        counters = counters.split()
        if interface.strip() != "lo":
            labels = {"interface": interface.strip()}
            yield "container_network_receive_bytes_total", labels, int(counters[0])
            yield "container_network_transmit_bytes_total", labels, int(counters[8])


def odoo():
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(f"{ODOO}/web/health", timeout=5):
            up = 1
    except OSError:
        up = 0
    yield "odoo_up", {}, up
    yield "odoo_answer_seconds", {}, time.monotonic() - begun
    try:
        # Of all Odoos of this app, from their database.
        for value, metric, *labels in [
            *rows("sessions", SESSIONS),
            *rows(os.environ["PGDATABASE"], SCHEDULED_ACTIONS),
        ]:
            yield metric, dict([labels]) if labels else {}, value
    except psycopg2.Error as error:
        print(error, file=sys.stderr, flush=True)


#: How many, the metric, and maybe a label with its value.
SESSIONS = """
WITH session AS (SELECT data::json ->> 'uid' IS NOT NULL AS signed_in FROM session)
SELECT count(*), 'odoo_sessions', 'state', 'signed_in' FROM session WHERE signed_in
UNION ALL
SELECT count(*), 'odoo_sessions', 'state', 'public' FROM session WHERE NOT signed_in
"""
SCHEDULED_ACTIONS = """
SELECT count(*), 'odoo_scheduled_actions_late' FROM ir_cron
 WHERE active AND nextcall < now() AT TIME ZONE 'UTC' - interval '10 minutes'
"""


def rows(database, query):
    connection = psycopg2.connect(dbname=database)
    try:
        with connection.cursor() as cr:
            cr.execute(query)
            return cr.fetchall()
    finally:
        connection.close()


def metrics():
    for container, group in containers().items():
        try:
            for metric, labels, value in usage(group):
                yield metric, {**POD, "container": container, **labels}, value
        except (OSError, KeyError) as error:  # It ends, or starts, at this moment.
            print(f"{container}: {error}", file=sys.stderr, flush=True)
    for metric, labels, value in network():
        yield metric, {**POD, **labels}, value
    for metric, labels, value in odoo() if ODOO else ():
        yield metric, {**POD, **labels}, value


def text():
    """In Prometheus' format, in which the lines of a metric stand together."""
    lines = {}
    for metric, labels, value in metrics():
        pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
        if metric not in lines:
            kind = "counter" if metric.endswith("_total") else "gauge"
            lines[metric] = [f"# TYPE {metric} {kind}\n"]
        lines[metric].append(metric + "{" + pairs + "}" + f" {value}\n")
    return "".join(line for of_metric in lines.values() for line in of_metric)


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        body = text().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        """Prometheus asks every few seconds."""


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
ThreadingHTTPServer(("", 9101), Metrics).serve_forever()
