# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What went wrong, told so that the reader can mend it."""


class Problem(Exception):
    """A failure that is told to a person: what failed, the log that tells more, and the
    way out."""

    def __init__(self, message, *, log=None, hint=None, status=1):
        super().__init__(message)
        self.message = message
        self.log = log
        self.hint = hint
        #: the exit status of the program that failed
        self.status = status

    def lines(self, log_lines=25):
        if self.message:
            yield self.message
        if self.log is not None and self.log.exists():
            yield f"The end of {self.log}:"
            for line in tail(self.log, log_lines):
                yield f"  | {line}"
        if self.hint:
            yield f"What to do: {self.hint}"


def tail(path, count):
    """The last lines of a file, without reading a large one whole."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 64 * 1024))
        return file.read().decode(errors="replace").splitlines()[-count:]
