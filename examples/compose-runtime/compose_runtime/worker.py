# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The loops of the worker: claim jobs, do them, report on them, observe the rest.

The main thread claims, one thread reports, one observes, and each job has one. Nothing
is kept here that another worker would need.
"""

import contextlib
import logging
import threading
import time

from . import KIND
from .odoo import OLDEST, CallFailed
from .problem import Problem, Stale, Stopped
from .project import now

log = logging.getLogger(__name__)

RENEW_SECONDS = 5
#: So long before its end a lease is not used any more.
FENCE_SECONDS = 10
#: Pauses between calls that fail grow up to this.
LONGEST_PAUSE = 10
COMPLETE_SECONDS = 60
#: Jobs whose last report is not taken are handed back after so long at the end.
END_SECONDS = 15
NO_RESULT = {
    "manifests": [],
    "objects": {"created": 0, "changed": 0, "unchanged": 0, "pruned": 0},
    "inventory": None,
    "observation": None,
    "namespace_deleted": False,
    "mail_domain": None,
    "message_id": None,
    "password": None,
    "diff": None,
    "preview": None,
    "index": None,
    "domains": None,
    "git": None,
}


def clock():
    """Goes on while the machine sleeps, as leases do."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Held:
    """A job that this worker holds: its lease, its steps, what became of it."""

    def __init__(self, job, database, lease_end):
        self.job, self.database, self.lease_end = job, database, lease_end
        self.steps, self.told = [], 0
        self.hidden = set()
        self.outcome = self.seen = None
        self.is_stale = False
        #: What the job is to end as, before it is done.
        self.ending = None
        self.news = threading.Event()
        self.asked = 0.0

    @property
    def app(self):
        return self.job["app"]["uid"]

    def hide_all(self, texts):
        self.hidden.update(text for text in texts if text)

    def hide(self, text):
        """The text without secrets."""
        for secret in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(secret, "•••")
        return text

    def go_on(self):
        """Raise where nothing of the job may be touched any more."""
        if self.is_stale or clock() > self.lease_end - FENCE_SECONDS:
            raise Stale
        if self.ending:
            raise Stopped(self.ending)

    @contextlib.contextmanager
    def step(self, code):
        self.go_on()
        step = Step(self, code)
        try:
            yield step
        except BaseException as error:
            step.end("failed", error.message if isinstance(error, Problem) else "")
            raise
        step.end("done")

    def run(self, runner):
        """Do it; what became of it stands in ``outcome``, unless it is stale."""
        state, error, result = "done", None, {}
        try:
            result = runner.run(self)
        except Stale:
            self.is_stale = True
            return
        except Stopped as stopped:
            state = stopped.outcome
            code = "cancelled" if state == "cancelled" else "released"
            error = Problem(code, f"The job was {code}.", retry=code == "released")
        except Problem as problem:
            state, error = "retry" if problem.retry else "failed", problem
            result = {"observation": self.seen}
        except Exception as defect:
            log.exception("job %s", self.job["id"])
            state = "failed"
            error = Problem(
                "internal",
                f"A defect of the worker: {type(defect).__name__}.",
                "Its log says where.",
            )
        self.outcome = {
            "state": state,
            "error": error and error.to_contract(self.hide),
            "result": {**NO_RESULT, **result},
        }
        self.news.set()


class Step:
    def __init__(self, held, code):
        self.held, self.begun = held, time.monotonic()
        self.told = {
            "number": len(held.steps) + 1,
            "code": code,
            "state": "running",
            "started_at": now(),
            "seconds": None,
            "message": "",
            "message_words": None,
        }
        held.steps.append(self.told)
        held.news.set()

    def say(self, message):
        self.told["message"] = self.held.hide(message)

    def end(self, state, message=""):
        if message:
            self.say(message)
        self.told |= {"state": state, "seconds": time.monotonic() - self.begun}
        self.held.news.set()


class Worker:
    def __init__(self, odoo, runner, cluster, capacity):
        self.odoo, self.runner, self.cluster = odoo, runner, cluster
        self.host, self.capacity = runner.host, capacity
        self.held = {}
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.room = threading.Event()
        self.database = None
        self.observes_until = 0.0
        self.known, self.completed = {}, 0.0

    def run(self):
        """Until ``closing``; then jobs are handed back."""
        threads = [
            threading.Thread(target=self.again, args=(step, pause), daemon=True)
            for step, pause in ((self.report, 0.2), (self.observe, RENEW_SECONDS))
        ]
        for thread in threads:
            thread.start()
        while not self.closing.is_set():
            pause = 1
            try:
                pause = self.claim()
            except CallFailed as error:
                log.warning("%s", error)
                self.failures = getattr(self, "failures", 0) + 1
                pause = min(2 ** (self.failures - 1), LONGEST_PAUSE)
            else:
                self.failures = 0
            self.room.clear()
            end = clock() + pause
            while clock() < end and not self.closing.is_set():
                if self.room.wait(0.2):
                    break
        for held in list(self.held.values()):
            held.ending = held.ending or "released"
        end = clock() + END_SECONDS
        while self.held and clock() < end:
            time.sleep(0.1)

    def again(self, action, pause):
        while True:
            try:
                action()
            except (CallFailed, Problem) as error:
                log.warning("%s", error)
            except Exception:
                log.exception("%s", action.__name__)
            time.sleep(pause)

    # claim

    def claim(self):
        """Ask for jobs and begin them; how soon to ask again."""
        asked = clock()
        try:
            state = {"reachable": True, "version": self.host.version(), "message": ""}
        except Problem as problem:
            state = {"reachable": False, "version": None, "message": problem.message}
        room = self.capacity - len(self.held) if self.odoo.spoken >= OLDEST else 0
        was_new = not self.odoo.spoken
        answer = self.odoo.call(
            "claim",
            {
                "clusters": [
                    {
                        "name": self.cluster,
                        **state,
                        "message_words": None,
                        "capacity": None,
                    }
                ],
                "kinds": sorted(self.runner.kinds),
                "cluster_kinds": [KIND],
                "mailgun": None,
                "capacity": max(room, 0),
            },
        )
        self.database = answer["database"]
        observes = answer.get("observe")
        if observes is None or self.cluster in observes["clusters"]:
            seconds = observes["seconds"] if observes else COMPLETE_SECONDS
            if self.observes_until < asked:
                self.known, self.completed = {}, 0.0
            self.observes_until = asked + seconds
        else:
            self.observes_until = 0.0
        if self.cluster in answer["unknown_clusters"]:
            log.warning(
                "Odoo has no cluster %s of the kind %s for this worker.",
                self.cluster,
                KIND,
            )
        for job in answer["jobs"]:
            self.begin(job, asked + answer["lease_seconds"])
        return 0.2 if was_new else answer["poll_seconds"]

    def begin(self, job, lease_end):
        held = Held(job, self.database, lease_end)
        log.info("job %s: %s, attempt %s", job["id"], job["kind"], job["attempt"])
        with self.lock:
            self.held[job["id"]] = held
        threading.Thread(target=held.run, args=[self.runner], daemon=True).start()

    # report

    def report(self):
        """Tell what is new of the jobs and renew their leases."""
        asked, news = clock(), []
        for number, held in list(self.held.items()):
            if held.is_stale or held.lease_end < asked:
                held.is_stale = True
                self.drop(number)
            elif held.news.is_set() or asked - held.asked >= RENEW_SECONDS:
                held.news.clear()
                news.append((held, held.outcome, len(held.steps)))
        if not news:
            return
        asked_for = [self.report_of(*one) for one in news]
        try:
            answer = self.odoo.call("report", {"jobs": asked_for})
        except CallFailed as error:
            if error.refused and len(news) > 1:
                # One job does not hold up the others.
                for one in news:
                    with contextlib.suppress(CallFailed):
                        said = self.odoo.call(
                            "report", {"jobs": [self.report_of(*one)]}
                        )
                        self.answered([one], said, asked)
                return
            for held, *_ in news:
                held.news.set()
            raise
        self.answered(news, answer, asked)

    def report_of(self, held, outcome, _count):
        steps = [dict(step) for step in held.steps[max(held.told - 1, 0) :]]
        return {
            "id": held.job["id"],
            "token": held.job["token"],
            "steps": steps,
            "outcome": outcome,
        }

    def answered(self, news, answer, asked):
        said = {item["id"]: item["answer"] for item in answer["jobs"]}
        for held, outcome, count in news:
            number = held.job["id"]
            if said[number] == "stale":
                log.warning("job %s is another worker's now", number)
                held.is_stale = True
            if said[number] == "stop":
                held.ending = "cancelled"
            if said[number] == "stale" or outcome:
                self.drop(number)
                continue
            held.told, held.asked = count, asked
            held.lease_end = asked + answer["lease_seconds"]

    def drop(self, number):
        with self.lock:
            self.held.pop(number, None)
        self.room.set()

    # observe

    def observe(self):
        """Tell what has changed of the projects that no job is at work on."""
        if clock() > self.observes_until or not self.database:
            return
        looked_at, apps, namespaces, seen = now(), [], [], {}
        for project in self.host.all():
            about = project.about()
            if not about or about["database"] != self.database:
                continue
            namespaces.append(
                {
                    "namespace": project.name,
                    "object": about["object"],
                    "uid": about["uid"],
                    "app": about["id"],
                    "name": about["name"],
                    "environment": about["environment"],
                    "created_at": about["created_at"],
                    "labels": [],
                }
            )
            observation = project.observe(lambda: None)
            if about["uid"] in {held.app for held in list(self.held.values())}:
                continue
            state = {**observation, "seen_at": None}
            seen[project.name] = state
            if self.known.get(project.name) != state:
                apps.append(
                    {
                        "id": about["id"],
                        "uid": about["uid"],
                        "namespace": project.name,
                        "observation": observation,
                    }
                )
        is_due = clock() - self.completed > COMPLETE_SECONDS
        if not apps and not is_due and self.known.keys() == seen.keys():
            return
        answer = self.odoo.call(
            "observe",
            {
                "cluster": self.cluster,
                "apps": apps,
                "complete": {"looked_at": looked_at, "namespaces": namespaces},
            },
        )
        for name in answer["unknown"]:
            log.warning("Odoo has no app for the project %s; it is left alone.", name)
        self.known, self.completed = seen, clock()
