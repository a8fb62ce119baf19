# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Steps as a person follows them: numbered, timed, and visibly alive."""

import sys
import threading
import time
from contextlib import contextmanager

from .problem import Problem

#: How often a step that lasts says that it lives, in seconds.
ON_TERMINAL = 1
IN_LOG = 15


def carry_out(recipe, instance):
    """Steps of an instance, as ``(title, action)``, one after the other; each action is
    given what tells of it. Two at once wait for one another."""
    steps = Steps(len(recipe))
    with instance.lock("demo"):
        instance.logs.mkdir(parents=True, exist_ok=True)
        for title, action in recipe:
            with steps.step(title):
                action(steps)


class Steps:
    def __init__(self, total, out=None):
        self.total = total
        self.number = 0
        self.out = out or sys.stdout
        self.terminal = self.out.isatty()
        self.started = time.monotonic()
        self.detail = ""

    @contextmanager
    def step(self, title):
        """One numbered step; the block gives its result to ``say`` and its present
        doing to ``doing``."""
        self.number += 1
        self.detail = self.result = ""
        self.title = title
        begun = time.monotonic()
        ended = threading.Event()
        ticker = threading.Thread(target=self.tick, args=(begun, ended), daemon=True)
        ticker.start()
        try:
            yield self
        except Problem:
            self.end_ticker(ticker, ended)
            self.line(f"{self.head()} FAILED after {seconds(begun)}")
            raise
        except BaseException:
            self.end_ticker(ticker, ended)
            self.line(f"{self.head()} interrupted after {seconds(begun)}")
            raise
        self.end_ticker(ticker, ended)
        result = f"  {self.result}" if self.result else ""
        self.line(f"{self.head()} {seconds(begun):>6}{result}")

    def doing(self, detail):
        """Tell what the step is at, for a step of several long parts."""
        self.detail = detail

    def say(self, result):
        """Tell what came of the step, at the end of its line."""
        self.result = result

    def head(self):
        return f"[{self.number:2}/{self.total}] {self.title:<46}"

    def line(self, text):
        clear = "\r\033[K" if self.terminal else ""
        print(f"{clear}{text}", file=self.out, flush=True)

    def tick(self, begun, ended):
        while not ended.wait(ON_TERMINAL if self.terminal else IN_LOG):
            detail = f"  {self.detail}" if self.detail else ""
            text = f"{self.head()} {seconds(begun):>6}{detail}"
            if self.terminal:
                print(f"\r\033[K{text} …", end="", file=self.out, flush=True)
            else:
                print(f"{text} … (still at it)", file=self.out, flush=True)

    @staticmethod
    def end_ticker(ticker, ended):
        ended.set()
        ticker.join()


def seconds(begun):
    return minutes(time.monotonic() - begun)


def minutes(whole):
    """A span of seconds as people read it."""
    if whole < 60:
        return f"{whole:.1f} s"
    return f"{int(whole // 60)}:{int(whole % 60):02} min"
