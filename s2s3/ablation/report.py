"""The table of an ablation as results.csv, as Markdown and as a page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from nnunetv2.ablation import distance_report
from nnunetv2.ablation.ablation import SETS, Ablation, Row, worst_unseen_cell
from nnunetv2.ablation.bootstrap import LEVEL, SAMPLES, Figure, domain_means
from nnunetv2.ablation.case_scores import TOLERANCE_PX
from nnunetv2.ablation.distance_report import PairStudy
from nnunetv2.ablation.scored_groups import LITTLE_FOREGROUND
from nnunetv2.ablation.tables import Table, csv_numbers, csv_text
from nnunetv2.ablation.unseen_flag import UnseenFlag
from nnunetv2.ablation.worst_cases import picture_file
from nnunetv2.reporting.html_page import figure, heading, page, paragraph, table

_SHOWN = {
    "dice_mean": "Dice, mean",
    "dice_worst": "Dice, worst domain",
    "dice_gap": "best - worst",
    "boundary_f1": "boundary F1",
    "surface_dice": "surface Dice",
    "calibration_error": "calibration error",
    "false_positive_share": "false positive area",
}
_CSV = [
    "set",
    "candidate",
    "seeds",
    "figure",
    "value",
    "difference",
    "low",
    "high",
    "cases",
    "training_s",
    "versions",
    "devices",
]


def as_csv(rows: Sequence[Row]) -> str:
    """Return one line per candidate, set of test cases and figure."""
    return csv_text([_CSV, *(line for row in rows for line in _csv_lines(row))])


def _csv_lines(row: Row) -> Iterator[Sequence[object]]:
    candidate = (str(row.candidate), " ".join(map(str, row.seeds)))
    sources = (f"{row.training_s:.0f}", " ".join(row.versions), " ".join(row.devices))
    for name, figures in row.figures.items():
        cases = sum(len(group.cases) for group in row.groups[name])
        for key, found in figures.items():
            numbers = csv_numbers(found.value, found.difference, *found.interval)
            yield name, *candidate, key, *numbers, cases, *sources
    for key, value in asdict(row.flag).items() if row.flag else ():
        yield "unseen against seen", *candidate, f"flag_{key}", f"{value:.5f}", "", "", "", "", *sources


def as_markdown(ablation: Ablation, rows: Sequence[Row], studies: list[PairStudy]) -> str:
    """Return the tables of all sets of test cases, with a text that says how to read them."""
    lines = [f"# Ablation of {ablation.dataset}", "", *_explanation(ablation, rows)]
    for text in distance_report.explanation(studies, ablation.dataset):
        lines += ["", text]
    for title, (header, cells) in _tables(rows) + distance_report.tables(studies):
        lines += ["", f"## {title}", "", _markdown_row(header), _markdown_row(["---"] * len(header))]
        lines += [_markdown_row(cell) for cell in cells]
    return "\n".join(lines) + "\n"


def as_html(ablation: Ablation, rows: Sequence[Row], studies: list[PairStudy]) -> str:
    """Return the same tables as one page."""
    title = f"Ablation of {ablation.dataset}"
    notes = [*_explanation(ablation, rows), *distance_report.explanation(studies, ablation.dataset)]
    body = [heading(title, 1), *(paragraph(text, "note") for text in notes if text)]
    for words, (header, cells) in _tables(rows) + distance_report.tables(studies):
        body += [heading(words), table(header, cells)]
    return page(title, [*body, *_pictures(ablation, rows)])


def _pictures(ablation: Ablation, rows: Sequence[Row]) -> list[str]:
    """Return the worst unseen image of each candidate; cells of earlier versions have no pictures."""
    files = [(row, picture_file(worst_unseen_cell(ablation, row.candidate).folder(ablation.root))) for row in rows]
    shown = [
        figure(file.read_bytes(), str(row.candidate), f"the unseen image that {row.candidate} predicts worst")
        for row, file in files
        if file.is_file()
    ]
    return [heading("The unseen image that each candidate predicts worst"), *shown] if shown else []


def _explanation(ablation: Ablation, rows: Sequence[Row]) -> list[str]:
    budget, seconds = ablation.budget, [row.training_s for row in rows]
    time = f"{min(seconds):.0f} to {max(seconds):.0f} s a training" if seconds else "no training is finished"
    network = f"features {'-'.join(map(str, budget.features_per_stage))}, patch {budget.patch_size}"
    return [
        f"Protocol {ablation.protocol.value}, {len(ablation.parts)} domains; budget {budget.name}: {network}, batch "
        f"{budget.batch_size}, {budget.epochs} x {budget.iterations_per_epoch} steps; {time}.",
        "",
        f"In brackets: the {LEVEL:.0%} interval of the difference from {ablation.reference}, from {SAMPLES} paired "
        "bootstrap samples of seeds and of cases, the same cases under all seeds; * marks intervals of at least two "
        "seeds that leave out zero; those of one seed cover the cases only. A figure is a "
        "mean over cases within a domain, then over domains. Boundaries count as right within "
        f"{TOLERANCE_PX:g} pixels. Little foreground: less than {LITTLE_FOREGROUND:.0%} of the image.",
    ]


def _tables(rows: Sequence[Row]) -> list[tuple[str, Table]]:
    tables = []
    for name in SETS:
        members = [row for row in rows if name in row.figures]
        if members:
            cases = sum(len(group.cases) for group in members[0].groups[name])
            tables.append((f"{name.capitalize()} ({cases} test images per seed)", _figures_table(members, name)))
            if name in ("unseen", "seen"):
                tables.append((f"Dice by domain, {name}", _domains_table(members, name)))
    flagged = [(str(row.candidate), row.flag) for row in rows if row.flag is not None]
    if flagged:
        tables.append(("Images of unseen domains told from seen ones by their colours", _flags_table(flagged)))
    return tables


def _flags_table(flagged: Sequence[tuple[str, UnseenFlag]]) -> Table:
    cells = [[candidate, *(f"{value:.3f}" for value in asdict(flag).values())] for candidate, flag in flagged]
    return ["candidate", "AUROC, mean", "lowest of a training", "seen images in", "unseen images out"], cells


def _figures_table(rows: Sequence[Row], name: str) -> Table:
    header = ["candidate", "seeds", *_SHOWN.values()]
    cells = [
        [str(row.candidate), str(len(row.seeds)), *(_text(row.figures[name][key], len(row.seeds)) for key in _SHOWN)]
        for row in rows
    ]
    return header, cells


def _domains_table(rows: Sequence[Row], name: str) -> Table:
    means = [domain_means(row.groups[name], "dice") for row in rows]
    domains = list(means[0])
    cells = [[str(row.candidate), *(f"{mean[d]:.3f}" for d in domains)] for row, mean in zip(rows, means, strict=True)]
    return ["candidate", *domains], cells


def _text(figure: Figure, seeds: int) -> str:
    if math.isnan(figure.interval[0]):
        return f"{figure.value:.3f}"
    low, high = figure.interval
    return f"{figure.value:.3f} [{low:+.3f}, {high:+.3f}]{'*' if figure.is_certain and seeds > 1 else ''}"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
