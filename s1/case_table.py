"""Read a table that names the domain and, optionally, the group of each case."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from s1.case_names import ByName
from s1.errors import DomainMapError
from s1.problem_lists import closest_names, raise_together
from s1.table_rows import rows_with_content

_FILE_ENDING = re.compile(r"(\.[A-Za-z]\w{0,4}){1,2}$")
_CHANNEL = "_0000"


@dataclass(frozen=True)
class TableRow:
    """One row with content."""

    line: int
    """Line number in the file, from 1."""
    cells: dict[str, str]
    """Column name in lower case -> cell; `case` and `domain` are there and not empty."""


def read_case_table(path: str | os.PathLike[str]) -> list[TableRow]:
    """Read a table of cases and domains, separated by commas, semicolons or tabs.

    The first row is a header if it has the cells `case` and `domain`; otherwise the first two columns are meant.
    """
    rows = rows_with_content(path, DomainMapError, "a table of cases and domains")
    names = [cell.lower() for cell in rows[0][1]] if rows else []
    if "case" in names and "domain" in names:
        rows = rows[1:]
    else:
        names = ["case", "domain"]
    table = [TableRow(line, {**dict.fromkeys(names, ""), **dict(zip(names, row, strict=False))}) for line, row in rows]
    broken = [row.line for row in table if not row.cells["case"] or not row.cells["domain"]]
    if broken or not table:
        where = f"line {broken[0]}" if broken else "the table"
        raise DomainMapError(f"{path}: {where} has no case and domain; expected rows of `case,domain`")
    return table


def without_cases(table: Iterable[TableRow], cases: Iterable[str]) -> list[TableRow]:
    """Return the rows that are about none of these cases."""
    named = ByName(dict.fromkeys(cases))
    return [row for row in table if _case_of(row.cells["case"], named) not in named]


def entries_by_case(
    table: Iterable[TableRow], column: str, cases: Iterable[str], source: str | os.PathLike[str]
) -> dict[str, str]:
    """Return case -> its entry in a column, in the order of the table.

    A case may be written as a file name, for example `a.png` or `a_0000.png` for the case `a`. Raises one
    DomainMapError, with all cases that are unknown or missing, or have no entry or two.
    """
    existing = ByName(dict.fromkeys(cases))
    rows = [(row.line, _case_of(row.cells["case"], existing), row.cells[column]) for row in table]
    suggestions = closest_names([case for _, case, _ in rows if case not in existing], existing)
    entries: dict[str, str] = {}
    problems = []
    for line, case, entry in rows:
        if case not in existing:
            problems.append(f"line {line}: case {case!r} does not exist{suggestions[case]}")
        elif not entry:
            problems.append(f"line {line}: case {case!r} has no {column}")
        elif entries.setdefault(case, entry) != entry:
            problems.append(f"line {line}: case {case!r} is in {entry!r} here, in {entries[case]!r} above")
    named = {case for _, case, _ in rows}
    problems += [f"case {case!r} is not in the table" for case in existing if case not in named]
    raise_together(DomainMapError, "does not match the cases", problems, str(source))
    return entries


def _case_of(name: str, existing: ByName[None]) -> str:
    """Return the case in the form in which it exists; a name that belongs to none, unchanged."""
    stem = _FILE_ENDING.sub("", name)
    candidates = (name, stem, stem.removesuffix(_CHANNEL))
    return next((existing.given(case) for case in candidates if case in existing), name)
