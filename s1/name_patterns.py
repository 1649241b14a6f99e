"""Takes a part of names by a regular expression, which may be one that would not end in any human time."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from s1.case_names import composed
from s1.errors import DomainMapError

LIMIT_S = 10.0
_PROGRAM = """
import json, re, sys
pattern, group, names = json.load(sys.stdin)
matches = map(re.compile(pattern).search, names)
json.dump([(match[group] or "") if match else "" for match in matches], sys.stdout)
"""


def texts_from_pattern(pattern: str, group: str, names: Sequence[str], limit_s: float = LIMIT_S) -> dict[str, str]:
    """Return name -> what the named group of a regular expression matches, '' without a match.

    The expression may match anywhere in a name. It is tried in a process of its own, which is ended after `limit_s`
    seconds: repetitions inside repetitions can take time that doubles with every letter.

    Raises DomainMapError if it is no expression, lacks the group, or takes too long.
    """
    source = f"pattern {pattern!r}"
    try:
        expression = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise DomainMapError(f"{source}: not a regular expression ({error})") from None
    if group not in expression.groupindex:
        raise DomainMapError(f"{source}: has no group named {group}; write the {group}'s part as (?P<{group}>...)")
    question = json.dumps([pattern, group, [composed(name) for name in names]])
    try:
        finished = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM], input=question, capture_output=True, text=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        raise DomainMapError(
            f"{source}: takes more than {limit_s:g} s for {len(names)} names; write it without repetitions inside of"
            " repetitions, such as (a+)+"
        ) from None
    if finished.returncode:
        raise DomainMapError(f"{source}: cannot be used ({(finished.stderr.splitlines() or ['?'])[-1]})")
    return dict(zip(names, json.loads(finished.stdout), strict=True))
