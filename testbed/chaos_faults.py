# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The faults that ``make chaos`` makes: each is begun, lasts for a while, and is taken
back. Several happen at once, but never two to the same thing."""

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

from . import postgresql
from .bench import family
from .problem import Problem

#: So many faults may happen side by side.
BESIDE = 3
#: How long a fault lasts on average, and one in LONG_ONE_IN that lasts long.
USUAL_SECONDS = 4
LONG_ONE_IN = 12
LONGEST_SECONDS = 600
#: How long a thing may be left alone at most, so that something is done that can fail.
PAUSE = 4
#: How often a worker is killed, in seconds on average.
KILL_EVERY = 2
#: How far a worker's clock may be off at its start, in seconds, and how fast it may go.
CLOCK_BEHIND, CLOCK_AHEAD = -30, 600
CLOCK_RATE = (0.95, 1.05)
CLOCK_OFF_ONE_IN = 3


@dataclass(frozen=True)
class Fault:
    name: str
    #: What it happens to.
    thing: str
    #: The method that makes it.
    make: str


FAULTS = (
    Fault("Odoo killed", "odoo", "odoo_killed"),
    Fault("an HTTP worker of Odoo killed", "odoo", "odoo_worker_killed"),
    Fault("Odoo stopped", "odoo", "odoo_stopped"),
    Fault("Odoo cut off from the workers", "network to odoo", "odoo_cut_off"),
    Fault("PostgreSQL killed", "odoo", "postgresql_killed"),
    Fault("a process of PostgreSQL killed", "odoo", "postgresql_process_killed"),
    Fault("PostgreSQL stopped", "odoo", "postgresql_stopped"),
    Fault("PostgreSQL cut off from Odoo", "odoo", "postgresql_cut_off"),
    Fault("API server killed", "kubernetes", "api_killed"),
    Fault("API server stopped", "kubernetes", "api_stopped"),
    Fault("API server cut off", "network to kubernetes", "api_cut_off"),
    Fault("etcd killed", "kubernetes", "etcd_killed"),
    Fault("worker stopped", "a worker", "worker_stopped"),
    Fault("network slow", "any network", "network_slow"),
    Fault("network silent", "any network", "network_silent"),
    Fault("network broken", "any network", "network_broken"),
    Fault("answers cut in half", "answers", "answers_cut"),
    Fault("Mailgun: 429", "mailgun", "mailgun_429"),
    Fault("Mailgun: 5xx", "mailgun", "mailgun_5xx"),
    Fault("Mailgun: done, and no answer", "mailgun", "mailgun_no_answer"),
    Fault("Mailgun says nothing", "network to mailgun", "mailgun_silent"),
    Fault("half a manifest", "network to manifests", "half_manifest"),
    Fault("quota of a namespace full", "quota", "quota_full"),
)
#: What ends a process without its knowing.
KILLS = (
    "worker killed",
    *(fault.name for fault in FAULTS if fault.name.endswith("killed")),
)


class Faults:
    """All that goes wrong, from ``begin`` until ``end``."""

    def __init__(self, bed, seed, seconds):
        self.bed, self.seed, self.seconds = bed, seed, seconds
        self.counts = Counter()
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.busy = set()
        self.chance = random.Random(f"{seed}/faults")
        self.waiting = []
        #: What the test bed itself could not do.
        self.problems = []

    def last(self):
        """Make faults for as long as was asked for; then take them back."""
        makers = [self.kill_workers, *[self.keep_going] * BESIDE]
        threads = [
            threading.Thread(target=self.watched, args=(maker, number))
            for number, maker in enumerate(makers)
        ]
        for thread in threads:
            thread.start()
        self.over.wait(self.seconds)
        self.over.set()
        for thread in threads:
            thread.join()
        if self.problems:
            raise self.problems[0]

    def watched(self, maker, number):
        """What the test bed itself cannot do ends all of it."""
        try:
            maker(random.Random(f"{self.seed}/faults/{number}"))
        except Exception as error:
            self.over.set()
            self.problems.append(error)

    def kill_workers(self, chance):
        while not self.over.wait(chance.expovariate(1 / KILL_EVERY)):
            worker = chance.choice(self.bed.workers)
            if not worker.lock.acquire(blocking=False):
                continue  # it is stopped at the moment
            try:
                if not worker.kill():
                    raise Problem("A worker has ended by itself.", log=worker.log)
                self.counts["worker killed"] += 1
                off = chance.randrange(CLOCK_OFF_ONE_IN) == 0
                seconds = chance.randint(CLOCK_BEHIND, CLOCK_AHEAD)
                worker.begin((seconds, chance.uniform(*CLOCK_RATE)) if off else None)
                self.counts["clock of a worker off"] += off
            finally:
                worker.lock.release()

    def keep_going(self, chance):
        while not self.over.is_set():
            fault = self.next()
            if fault is None:
                self.over.wait(0.1)
                continue
            made = getattr(self, fault.make)(chance)
            with self.lock:
                self.counts[fault.name] += made is not False
                self.busy.discard(fault.thing)
            self.over.wait(chance.uniform(0, PAUSE))

    def next(self):
        """The next fault of which the thing has no other one now. All come in turn, in
        an order of chance."""
        with self.lock:
            if not self.waiting:
                self.waiting = self.chance.sample(FAULTS, len(FAULTS))
            for fault in self.waiting:
                if fault.thing not in self.busy:
                    self.waiting.remove(fault)
                    self.busy.add(fault.thing)
                    return fault
        return None

    def hold(self, chance):
        """Let a fault last."""
        if chance.randrange(LONG_ONE_IN):
            seconds = chance.expovariate(1 / USUAL_SECONDS)
        else:
            seconds = chance.uniform(LONGEST_SECONDS / 10, LONGEST_SECONDS)
        self.over.wait(min(seconds, self.seconds / 3))

    # -- Odoo and its database

    def odoo_killed(self, chance):
        odoo = self.bed.odoo_daemon()
        kill_group(odoo)
        self.hold(chance)
        self.bed.bring_back(odoo)

    def odoo_worker_killed(self, chance):
        return self.kill_child(self.bed.odoo_daemon(), chance)

    def odoo_stopped(self, chance):
        self.stopped(family(self.bed.odoo_daemon().pid()), chance)

    def odoo_cut_off(self, chance):
        return self.cut_off(("odoo", "wake"), chance)

    def postgresql_killed(self, chance):
        server = postgresql.daemon(self.bed.instance)
        kill_all(family(server.pid()))
        self.hold(chance)
        postgresql.ensure(self.bed.instance)

    def postgresql_process_killed(self, chance):
        return self.kill_child(postgresql.daemon(self.bed.instance), chance)

    def postgresql_stopped(self, chance):
        server = postgresql.daemon(self.bed.instance)
        self.stopped(family(server.pid()), chance)

    def postgresql_cut_off(self, chance):
        return self.cut_off(("postgresql",), chance)

    # -- Kubernetes

    def api_killed(self, chance):
        self.killed_and_back("kube-apiserver", chance)

    def etcd_killed(self, chance):
        self.killed_and_back("etcd", chance)

    def killed_and_back(self, name, chance):
        daemon = self.bed.kubernetes_daemon(name)
        kill_group(daemon)
        self.hold(chance)
        self.bed.bring_back(daemon)

    def api_stopped(self, chance):
        daemon = self.bed.kubernetes_daemon("kube-apiserver")
        self.stopped([daemon.pid()], chance)

    def api_cut_off(self, chance):
        return self.cut_off(("kubernetes",), chance)

    def quota_full(self, chance):
        """Nothing new in a namespace that there is."""
        namespaces = self.bed.own_namespaces()
        if not namespaces:
            return False
        name = chance.choice(namespaces)
        made = self.bed.insist(
            "POST",
            f"api/v1/namespaces/{name}/resourcequotas",
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "full"},
                "spec": {
                    "hard": {
                        "pods": "0",
                        "count/deployments.apps": "0",
                        "count/configmaps": "0",
                        "count/services": "0",
                    }
                },
            },
        )
        if made:
            self.hold(chance)
        self.bed.insist("DELETE", f"api/v1/namespaces/{name}/resourcequotas/full")
        return bool(made)

    # -- workers

    def worker_stopped(self, chance):
        """It may go on after its leases have ended."""
        worker = chance.choice(self.bed.workers)
        with worker.lock:
            self.stopped([worker.pid], chance)

    # -- the network

    @contextmanager
    def links(self, *names):
        """These links, or none where another fault has one of them already."""
        with self.lock:
            free = self.busy.isdisjoint(names)
            if free:
                self.busy.update(names)
        links = [self.bed.network.links[name] for name in names] if free else []
        try:
            yield links
        finally:
            for link in links:
                link.be()
                link.cut_next(0)
            if free:
                with self.lock:
                    self.busy.difference_update(names)

    def any_link(self, chance):
        return self.links(chance.choice(sorted(self.bed.network.links)))

    def network_slow(self, chance):
        return self.with_link(self.any_link(chance), chance, delay=chance.random() / 2)

    def network_silent(self, chance):
        return self.with_link(self.any_link(chance), chance, silent=True)

    def mailgun_silent(self, chance):
        return self.with_link(self.links("mailgun"), chance, silent=True)

    def cut_off(self, names, chance):
        return self.with_link(self.links(*names), chance, broken=True)

    def with_link(self, held, chance, **state):
        with held as links:
            for link in links:
                link.be(**state)
            if links:
                self.hold(chance)
        return bool(links)

    def network_broken(self, chance):
        """It comes and goes."""
        with self.any_link(chance) as links:
            for _ in range(chance.randint(2, 10) if links else 0):
                links[0].be(broken=True)
                self.over.wait(chance.uniform(0.01, 0.5))
                links[0].be()
                self.over.wait(chance.uniform(0.05, 1))
        return bool(links)

    def answers_cut(self, chance):
        return self.cut(self.any_link(chance), chance)

    def half_manifest(self, chance):
        return self.cut(self.links("manifests"), chance)

    def cut(self, held, chance):
        with held as links:
            for link in links:
                link.cut_next(chance.randint(1, 8))
            if links:
                self.hold(chance)
        return bool(links)

    # -- Mailgun

    def mailgun_429(self, chance):
        self.mailgun(chance, {"fault": "rate_limit", "seconds": chance.randint(1, 5)})

    def mailgun_5xx(self, chance):
        self.mailgun(chance, {"fault": "server_error"})

    def mailgun_no_answer(self, chance):
        self.mailgun(chance, {"fault": "cut", "when": "after"})

    def mailgun(self, chance, fault):
        double = self.bed.mailgun
        double("POST", "_double/faults", {**fault, "count": chance.randint(1, 10)})
        self.hold(chance)
        double("DELETE", "_double/faults")

    # -- processes

    def kill_child(self, daemon, chance):
        pid = daemon.pid()
        children = family(pid)[1:] if pid else []
        if children:
            kill(chance.choice(children))
        return bool(children)

    def stopped(self, pids, chance):
        """They are there and do nothing."""
        pids = [pid for pid in pids if pid]
        for pid in pids:
            send(pid, signal.SIGSTOP)
        try:
            self.hold(chance)
        finally:
            for pid in pids:
                send(pid, signal.SIGCONT)


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended meanwhile


def kill(pid):
    send(pid, signal.SIGKILL)


def kill_all(pids):
    for pid in pids:
        kill(pid)


def kill_group(daemon):
    """A daemon and all that it has started: it leads a group of its own."""
    pid = daemon.pid()
    if pid is None:
        return
    os.killpg(pid, signal.SIGKILL)
    while daemon.pid() is not None:
        time.sleep(0.01)
