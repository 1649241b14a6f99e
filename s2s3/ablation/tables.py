"""What the files of an ablation share: tables of text, and numbers and lines of CSV."""

import csv
import io
import math
from collections.abc import Iterable, Sequence

Table = tuple[list[str], list[list[str]]]
"""Header and rows."""


def csv_numbers(*values: float) -> list[str]:
    """Return numbers with five decimals, an unknown one (NaN) as nothing."""
    return ["" if math.isnan(value) else f"{value:.5f}" for value in values]


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return lines of comma-separated values."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
