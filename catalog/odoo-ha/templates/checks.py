"""One of the checks after a deploy. It waits until what it looks for is so, and says in
its last line what it found; after $CHECK_SECONDS it says what is lacking, and fails.

    checks.py replication | members | cache | metrics
"""

import json
import os
import socket
import sys
import time
import urllib.parse
import urllib.request

import psycopg2

SECONDS = int(os.environ["CHECK_SECONDS"])
ODOOS = int(os.environ["ODOO_REPLICAS"])
PROXIES = int(os.environ["PROXY_REPLICAS"])
STATIC = "/web/static/img/favicon.ico"


class NotYet(Exception):
    """What is lacking."""


def replication():
    """What is written on the primary can be read on the standby."""
    primary, standby = (
        connect("postgres", "primary"),
        connect("postgres-standby", "standby"),
    )
    if recovers(primary) or not recovers(standby):
        raise NotYet("The primary and the standby are not what they are to be")
    cr = primary.cursor()
    cr.execute("CREATE TABLE IF NOT EXISTS replication_check (at timestamptz NOT NULL)")
    cr.execute("DELETE FROM replication_check")
    begun = time.monotonic()
    cr.execute("INSERT INTO replication_check VALUES (clock_timestamp()) RETURNING at")
    written = cr.fetchone()
    there = standby.cursor()
    while time.monotonic() < begun + 10:
        try:
            there.execute("SELECT at FROM replication_check")
            if there.fetchone() == written:
                name = os.environ["STANDBY"]
                late = 1000 * (time.monotonic() - begun)
                return f"What is written is on the standby {name} {late:.0f} ms later"
        except psycopg2.errors.UndefinedTable:
            pass
        time.sleep(0.01)
    raise NotYet("What is written on the primary is not on the standby within 10 s")


def connect(host, what):
    try:
        connection = psycopg2.connect(host=host, dbname="sessions", connect_timeout=3)
    except psycopg2.OperationalError as error:
        raise NotYet(f"The {what} does not answer: {error}") from error
    connection.autocommit = True
    return connection


def recovers(connection):
    cr = connection.cursor()
    cr.execute("SELECT pg_is_in_recovery()")
    return cr.fetchone()[0]


def members():
    """Every proxy shares the requests out among all Odoos."""
    for proxy in proxies():
        seen = set()
        for _ in range(4 * ODOOS):
            with get(f"http://{proxy}:8081/member") as answer:
                # Of several, the last one answered.
                seen.add(answer.headers["X-Member"].split(", ")[-1])
        if len(seen) != ODOOS:
            raise NotYet(
                f"Behind the proxy {proxy} answer {len(seen)} of {ODOOS} Odoos"
            )
    return f"{ODOOS} Odoos answer behind each of {PROXIES} proxies"


def cache():
    """Every proxy keeps a file that it has given out."""
    for proxy in proxies():
        for _ in range(2):
            with get(f"http://{proxy}:8080{STATIC}") as answer:
                seen = answer.headers["X-Cache-Status"]
        if seen != "HIT":
            raise NotYet(f"The proxy {proxy} does not keep {STATIC}: {seen}")
    return f"{PROXIES} proxies keep static files"


def metrics():
    """Prometheus reaches everything, and has metrics of every kind."""
    found = query("up")
    down = sorted(
        f"{one['metric']['job']} of {one['metric']['instance']}"
        for one in found
        if one["value"][1] != "1"
    )
    if down:
        raise NotYet(f"Prometheus does not reach: {', '.join(down)}")
    kinds = {
        "odoo_up": ODOOS,
        "pg_up": 2,
        "nginx_up": PROXIES,
        'container_memory_working_set_bytes{container="odoo"}': ODOOS,
        'container_memory_working_set_bytes{container="postgres"}': 2,
        'container_memory_working_set_bytes{container="nginx"}': PROXIES,
    }
    for kind, number in kinds.items():
        seen = len(query(kind))
        if seen != number:
            raise NotYet(f"Prometheus has {seen} of {number} {kind}")
    return (
        f"Prometheus reaches {len(found)} targets, and has metrics of Odoo, PostgreSQL,"
        " nginx and the containers"
    )


def query(expression):
    words = urllib.parse.urlencode({"query": expression})
    with get(f"http://prometheus:9090/api/v1/query?{words}") as answer:
        return json.load(answer)["data"]["result"]


def proxies():
    try:
        found = socket.getaddrinfo("proxies", 8080, type=socket.SOCK_STREAM)
    except socket.gaierror:
        found = []
    if len(found) != PROXIES:
        raise NotYet(f"{len(found)} of {PROXIES} proxies are ready")
    return sorted(
        f"[{address}]" if ":" in address else address for *_, (address, *_) in found
    )


def get(url):
    try:
        return urllib.request.urlopen(url, timeout=10)
    except OSError as error:
        raise NotYet(f"{url}: {error}") from error


def main(check):
    end = time.monotonic() + SECONDS
    told = None
    while True:
        try:
            print(check(), flush=True)
            return 0
        except (NotYet, OSError, psycopg2.Error) as lacking:
            if str(lacking) != told:
                told = str(lacking)
                print(told, flush=True)
        if time.monotonic() > end:
            print(f"It is still so after {SECONDS} s", flush=True)
            return 1
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(
        main(
            {
                "replication": replication,
                "members": members,
                "cache": cache,
                "metrics": metrics,
            }[sys.argv[1]]
        )
    )
