"""Show problems of the input together, one per line, with a suggestion for names that may be typing errors."""

import difflib
from collections.abc import Iterable

from s1.errors import DriftError

MOST_SHOWN = 20
"""Problems of one source that an error lists; it counts the rest."""


def raise_together(error: type[DriftError], summary: str, problems: Iterable[str], source: str = "") -> None:
    """Raise one error that lists the problems, one per line if there are several; do nothing without any.

    Parameters:
        source: the file or option that all problems are about. Without it, each problem names its own file, and all
            are listed.
    """
    lines = list(problems)
    if len(lines) == 1:
        raise error(f"{source}: {lines[0]}" if source else lines[0])
    if lines:
        shown = lines[:MOST_SHOWN] if source else lines
        more = [f"and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else []
        head = f"{source} {summary}" if source else summary
        raise error("\n  ".join([f"{head} ({len(lines)} problems):", *shown, *more]))


def closest_name(name: str, known: Iterable[str]) -> str:
    """Return ', did you mean ...?' with the most similar known name, or '' if none is similar."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {matches[0]!r}?" if matches else ""


def closest_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return name -> what `closest_name` says, or '' for each if there are too many to be typing errors."""
    listed, candidates = list(names), list(known)
    if len(listed) > MOST_SHOWN:  # the search is slow
        return dict.fromkeys(listed, "")
    return {name: closest_name(name, candidates) for name in listed}
