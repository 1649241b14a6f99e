"""One thing that is wrong with the input, and what to do about it."""

import re
from dataclasses import dataclass

_BEFORE_ADVICE = re.compile(r"; (?![^()]*\))")
"""A semicolon that stands in no brackets."""


@dataclass(frozen=True)
class Problem:
    """A row of the table of problems."""

    where: str
    """File, folder or setting."""
    what: str
    fix: str


def from_message(message: str, where: str) -> Problem:
    """Return the row for a message of the form `file: what is wrong; what to do`."""
    what, *fix = _BEFORE_ADVICE.split(message.removeprefix(f"{where}: "), maxsplit=1)
    return Problem(where, what, fix[0] if fix else "mend or replace the file, or leave the case out with --skip")
