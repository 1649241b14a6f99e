"""What a proposal says in words, for the terminal and the page alike."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnunetv2.dataset_conversion.mask_colours import hex_code
from nnunetv2.dataset_proposal.problem import Problem
from nnunetv2.dataset_proposal.proposal import Proposal
from s1.json_schema import escaped

MOST_ROWS = 40
MOST_ALIKE = 5
"""More files with the same problem share a row."""
_WIDEST = 60


def summary_rows(proposal: Proposal) -> list[tuple[str, str]]:
    """Return rows (what, in words)."""
    origins = proposal.origins
    return [
        ("dataset", proposal.dataset_name),
        ("images", _images(proposal)),
        ("labels", _labels(proposal)),
        ("domains", _counted(origins.domains.values(), origins.domain_source) or "one: nothing tells several apart"),
        ("groups", _groups(proposal)),
        *([("for tests", _tests(proposal))] if proposal.tests else []),
        *(("note", note) for note in proposal.notes),
    ]


def _images(proposal: Proposal) -> str:
    facts = list(proposal.facts.values())
    if not facts:
        return "none that can be used"
    kinds = Counter(f"{'RGB' if case.channels == 3 else 'grey'} {case.file_type[1:].upper()}" for case in facts)
    sizes = Counter(f"{width} x {height} px" for height, width in (case.size_px for case in facts))
    listed = sizes.most_common(2)
    more = f" and {len(sizes) - 2} other sizes" if len(sizes) > 2 else ""
    return f"{len(facts)} ({_listed(kinds.items())}), {' and '.join(size for size, _ in listed)}{more}"


def _labels(proposal: Proposal) -> str:
    sources = _sources(proposal)
    return ", ".join(
        f"{label} {name}" + (f" (from {sources[label]})" if label in sources else "")
        for name, label in proposal.labels.labels.items()
    )


def _sources(proposal: Proposal) -> dict[int, str]:
    """Return label -> the colours of its class, or the one value that becomes it."""
    relabel = proposal.labels.relabel
    if proposal.colours:
        found: dict[int, list[str]] = {}
        for colour, number in proposal.colours.items():
            found.setdefault(relabel.get(number, number), []).append(hex_code(colour))
        return {label: " and ".join(codes) for label, codes in found.items()}
    single = Counter(relabel.values())
    return {label: str(value) for value, label in relabel.items() if single[label] == 1}


def _tests(proposal: Proposal) -> str:
    with_masks = sum(test.mask is not None for test in proposal.tests.values())
    masks = f", {with_masks} of them with masks (labelsTs)" if with_masks else ", without masks"
    return f"{len(proposal.tests)} images that are not trained on (imagesTs){masks}"


def _groups(proposal: Proposal) -> str:
    groups, source = proposal.origins.groups, proposal.origins.group_source
    if not groups:
        return "each image counts as a patient of its own; if that is wrong, give a table with --csv"
    return f"{len(set(groups.values()))} patients or slides, from {source}"


def _counted(values: Iterable[str], source: str) -> str:
    counts = Counter(values)
    return f"{_listed(counts.items())}, from {source}" if counts else ""


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in counts)


def summary_lines(proposal: Proposal, folder: Path) -> list[str]:
    """Return the lines for the terminal, with the table of problems."""
    lines = [f"{what:<9} {words}" for what, words in summary_rows(proposal)]
    if not proposal.problems:
        return lines
    rows = problem_rows(proposal.problems, folder)
    more = [f"and {len(rows) - MOST_ROWS} more on the page"] if len(rows) > MOST_ROWS else []
    return [*lines, "", *_aligned([("where", "problem", "what to do"), *rows[:MOST_ROWS]]), *more]


def problem_rows(problems: Sequence[Problem], folder: Path) -> list[tuple[str, str, str]]:
    """Return (where, what, fix) with paths relative to the folder; many equal problems share a row."""
    files: dict[tuple[str, str], list[str]] = {}
    for row in problems:
        files.setdefault((escaped(row.what), row.fix), []).append(_short(row.where, folder))
    return [(where, what, fix) for (what, fix), places in files.items() for where in _shared(places)]


def _shared(places: list[str]) -> list[str]:
    return places if len(places) <= MOST_ALIKE else [f"{places[0]} and {len(places) - 1} more"]


def _short(where: str, folder: Path) -> str:
    path = Path(where)
    return escaped(path.relative_to(folder) if path != folder and path.is_relative_to(folder) else where)


def _aligned(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    widths = [min(_WIDEST, max(len(row[column]) for row in rows)) for column in (0, 1)]
    return [f"{where:<{widths[0]}}  {what:<{widths[1]}}  {fix}" for where, what, fix in rows]
