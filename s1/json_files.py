"""The one reader of JSON files: limits before memory is taken, one line for each thing wrong, see s1/json_schema.py."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1.errors import DomainMapError, DriftError
from s1.json_schema import ANYTHING, Problem, Schema
from s1.problem_lists import raise_together
from s1.readable_files import require_file

MIB = 2**20
DEEPEST = 64
"""Levels of objects and lists; nnU-Net's own files have eight at most, and Python's recursion ends at a thousand."""
MOST_DIGITS = 300
"""Of a whole number; more do not fit a float, and Python refuses to read some thousands."""

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class JsonFile:
    """A kind of file: its name in messages, what it has to contain, and how large it may be."""

    what: str = "JSON file"
    schema: Schema = ANYTHING
    fix: str = ""
    """What to do about a wrong entry, beyond correcting it."""
    largest_mib: int = 64
    """A plans file has some kB; files that list cases may have more, see CASE_LIST_MIB."""


DEFAULT_KIND = JsonFile()
CASE_LIST_MIB = 256
"""Limit of files with an entry for each case: 100,000 cases of three images take 46 MiB, 20,000 with scores 50."""


class NotJson(ValueError):
    """A text is not JSON, or not such as a file of ours may contain; says why in one line."""


def read_json(
    path: PathLike,
    kind: JsonFile = DEFAULT_KIND,
    invalid: type[DriftError] = DomainMapError,
    missing: type[DriftError] = DomainMapError,
) -> Any:
    """Return the content of a JSON file in UTF-8, with or without a byte order mark, of which its schema approves.

    Raises `missing` if there is no such file; `invalid`, with the path and one line for each problem, if it is no
    plain file, too large, not JSON, or contains anything else than the schema of its kind says.
    """
    content = load_json(path, kind, invalid, missing)
    check_json(content, path, kind, invalid)
    return content


def load_json(path: PathLike, kind: JsonFile, invalid: type[DriftError], missing: type[DriftError]) -> Any:
    """Return the content of a JSON file as `read_json` does, but without asking the schema."""
    require_file(path, invalid)
    try:
        return parse_json(_bytes_of(path, kind.largest_mib))
    except (FileNotFoundError, NotADirectoryError):
        raise missing(f"{kind.what} not found: {path}") from None
    except NotJson as error:
        raise invalid(f"{path}: {error}") from None


def check_json(content: Any, source: PathLike, kind: JsonFile, invalid: type[DriftError]) -> None:
    """Raise `invalid`, naming the source, with one line for each problem that the schema finds in a content."""
    raise_problems(kind.schema.problems(content), source, kind, invalid)


def raise_problems(problems: Sequence[Problem], source: PathLike, kind: JsonFile, invalid: type[DriftError]) -> None:
    """Raise `invalid` with one line for each problem of a file; do nothing without any."""
    fix = f"; {kind.fix}" if kind.fix else ""
    lines = [f"{problem}{fix * (len(problems) == 1)}" for problem in problems]
    raise_together(invalid, f"cannot be used as {kind.what}{fix}", lines, str(source))


def _bytes_of(path: PathLike, largest_mib: int) -> bytes:
    size = os.stat(path).st_size
    if size > largest_mib * MIB:
        raise NotJson(f"has {size / MIB:.0f} MiB, expected at most {largest_mib}; is this the right file?")
    return Path(path).read_bytes()


def parse_json(data: bytes | str) -> Any:
    """Return the content of a JSON text. Raises NotJson, also for repeated keys, deep nesting and endless numbers."""
    try:
        text = data if isinstance(data, str) else _decoded(data)
        content = json.loads(text, object_pairs_hook=_object_without_repeats, parse_int=_whole_number)
        _refuse_deep_nesting(content)
    except json.JSONDecodeError as error:
        raise NotJson(f"not valid JSON ({error})") from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    if "\\u" in text:
        _refuse_odd_texts(content)
    return content


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotJson("not valid JSON (its text is UTF-16, save it as UTF-8)")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJson(f"not valid JSON ({error})") from None


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise NotJson(f"contains a number of {len(digits)} digits, expected at most {MOST_DIGITS}")
    return int(digits)


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; a key may be repeated with the same value only (plain readers silently keep the last)."""
    content = dict(pairs)
    if len(content) != len(pairs):
        for key, value in pairs:
            if content[key] != value:
                raise NotJson(f"the key {key!r} occurs twice in one object, with different values; keep one of them")
    return content


_TOO_DEEP = f"objects and lists are nested more than {DEEPEST} levels deep; is this the right file?"


def _refuse_deep_nesting(content: Any) -> None:
    for level, _ in enumerate(_levels(content)):
        if level >= DEEPEST:
            raise NotJson(_TOO_DEEP)


def _refuse_odd_texts(content: Any) -> None:
    """Refuse zero characters and halves of surrogate pairs: no file has such a name, and nothing can print them."""
    for level in _levels(content):
        for container in level:
            for text in (*container, *(container.values() if isinstance(container, dict) else ())):
                if isinstance(text, str) and ("\0" in text or not _can_be_encoded(text)):
                    raise NotJson(f"contains the text {text[:40]!a}, which is no valid Unicode or has a zero character")


def _can_be_encoded(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _levels(content: Any) -> Iterator[list[Any]]:
    """Yield the objects and lists of each level of nesting, outermost first."""
    level = [content] if isinstance(content, dict | list) else []
    while level:
        yield level
        level = [
            entry
            for container in level
            for entry in (container.values() if isinstance(container, dict) else container)
            if isinstance(entry, dict | list)
        ]
