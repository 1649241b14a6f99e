"""Rows of tables in text files, separated by commas, semicolons or tabs."""

import csv
import os

from s1.errors import DomainMapError, DriftError
from s1.readable_files import require_file

_DELIMITERS = ",;\t"


def rows_with_content(
    path: str | os.PathLike[str], error: type[DriftError] = DomainMapError, expected: str = "a table"
) -> list[tuple[int, list[str]]]:
    """Return (line number, cells without spaces around them) of each row that is not empty.

    Raises `error`, saying what was `expected`, if there is no such file, it is no text in UTF-8, or a quote
    is left open.
    """
    require_file(path, error)
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        raise error(f"{path}: no such file, expected {expected}") from None
    except UnicodeDecodeError as wrong:
        raise error(f"{path}: cannot be read as a table ({wrong})") from None
    first = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    rows: list[tuple[int, list[str]]] = []
    last = 0
    try:
        for row in reader:
            rows.append((last := reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as wrong:
        raise error(f"{path}: line {last + 1}: cannot be read as a table ({wrong}); is a quote left open?") from None
    return [(line, row) for line, row in rows if any(row)]
