"""Tables about slides: the column `slide`, and optionally `mpp`, `annotation`, `group` and `domain`."""

from dataclasses import dataclass

from nnunetv2.errors import SlideError
from nnunetv2.pathology.slides.pixel_size import LARGEST_UM, SMALLEST_UM, is_plausible
from nnunetv2.pathology.slides.slide_reader import PathLike
from s1.problem_lists import raise_together
from s1.table_rows import rows_with_content

COLUMNS = ("slide", "mpp", "annotation", "group", "domain")


@dataclass(frozen=True)
class SlideRow:
    """One row; what a column lacks is None."""

    line: int
    slide: str
    mpp: float | None = None
    annotation: str | None = None
    group: str | None = None
    domain: str | None = None


def read_slide_table(path: PathLike) -> list[SlideRow]:
    """Read a table separated by commas, semicolons or tabs, with a header; other columns are left alone.

    Raises SlideError that lists rows without a slide, or with more fields than the header, slides named twice, and
    pixel sizes that are none.
    """
    rows = rows_with_content(path, SlideError, "a table of slides with the columns slide,mpp")
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if "slide" not in header:
        raise SlideError(f"{path}: no column `slide`, expected a header with some of {','.join(COLUMNS)}")
    table, problems, seen = [], [], dict[str, int]()
    for line, cells in rows[1:]:
        row = dict(zip(header, cells, strict=False))
        surplus = [cell for cell in cells[len(header) :] if cell]
        problem = f"has {len(cells)} fields, expected {len(header)}" if surplus else _problem(row, seen)
        seen.setdefault(row.get("slide", ""), line)
        if problem:
            problems.append(f"line {line}: {problem}")
        else:
            texts = {name: row.get(name) or None for name in ("annotation", "group", "domain")}
            table.append(SlideRow(line, row["slide"], _size(row), **texts))
    raise_together(SlideError, "has rows that cannot be used", problems, str(path))
    if not table:
        raise SlideError(f"{path}: no rows, expected one for each slide")
    return table


def _problem(row: dict[str, str], seen: dict[str, int]) -> str | None:
    slide = row.get("slide")
    if not slide:
        return "has no slide"
    if slide in seen:
        return f"slide {slide!r} is in line {seen[slide]}, too"
    try:
        size = _size(row)
    except ValueError:
        return f"mpp is {row['mpp']!r}, expected micrometres per pixel such as 0.25"
    if size is not None and not is_plausible(size):
        return f"mpp is {size:g}, expected {SMALLEST_UM:g} to {LARGEST_UM:g} micrometres per pixel"
    return None


def _size(row: dict[str, str]) -> float | None:
    text = row.get("mpp")
    return float(text) if text else None
