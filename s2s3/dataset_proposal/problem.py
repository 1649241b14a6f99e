"""One thing that is wrong with the input, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A row of the table of problems."""

    where: str
    """File, folder or setting."""
    what: str
    fix: str


def from_message(message: str, where: str) -> Problem:
    """Return the row for a message of the form `file: what is wrong; what to do`."""
    what, _, fix = message.removeprefix(f"{where}: ").partition("; ")
    return Problem(where, what, fix or "mend or replace the file, or leave the case out with --skip")
