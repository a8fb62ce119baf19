# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What went wrong, as the contract has it."""


class Problem(Exception):
    """A job's error: what is wrong, where, and how to fix it."""

    def __init__(self, code, message, hint=None, retry=False, **place):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retry = retry
        #: manifest, url, document, line, column, object, field: as far as it is known.
        self.place = place

    def to_contract(self, hide):
        """``hide`` takes secrets out of a text."""
        places = ("manifest", "url", "document", "line", "column", "object", "field")
        return {
            "code": self.code,
            "message": hide(self.message),
            # What it is made of: these addons know no translation of this program.
            "message_words": None,
            "hint": self.hint and hide(self.hint),
            "hint_words": None,
            **{name: self.place.get(name) for name in places},
            "retry": self.retry,
            "excerpts": [],
        }


class Stale(Exception):
    """The job is not this worker's any more: nothing of it is to be touched."""


class Stopped(Exception):
    """The job is to end: ``outcome`` says as what."""

    def __init__(self, outcome):
        super().__init__(outcome)
        self.outcome = outcome
