"""An ablation as a whole: its cells, the processes that do them, the rows of its table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnunetv2.ablation.bootstrap import Figure, compare
from nnunetv2.ablation.budget import Budget
from nnunetv2.ablation.cells import Candidate, Cell, read_result
from nnunetv2.ablation.protocols import Part, Protocol
from nnunetv2.ablation.scored_groups import Group, group_scores, with_little_foreground
from nnunetv2.ablation.unseen_flag import UnseenFlag, unseen_flag

if TYPE_CHECKING:
    from nnunetv2.foundation.workers import Task
    from s1.domain_map import DomainMap

SETS: Mapping[str, tuple[str, Callable[[Sequence[Group]], Sequence[Group]]]] = {
    "unseen": ("unseen", lambda groups: groups),
    "seen": ("seen", lambda groups: groups),
    "unseen, little foreground": ("unseen", with_little_foreground),
    "seen, little foreground": ("seen", with_little_foreground),
}
"""Name of a set of test cases -> the set of the result files, and the choice among its cases."""


@dataclass(frozen=True)
class Ablation:
    """What is compared on which data; `root` is the folder of all cells."""

    dataset: str
    configuration: str
    protocol: Protocol
    budget: Budget
    candidates: tuple[Candidate, ...]
    reference: Candidate
    seeds: tuple[int, ...]
    root: Path
    preprocessed: Path
    domain_map: "DomainMap"
    parts: tuple[Part, ...]

    def cells(self) -> list[Cell]:
        """Return all cells: those of the first seed come first, so that every row has a number early."""
        return [
            Cell(self.dataset, self.configuration, self.protocol, part.name, candidate, seed)
            for seed in self.seeds
            for candidate in self.candidates
            for part in self.parts
        ]

    def part_of(self, cell: Cell) -> Part:
        """Return the cases of a cell."""
        return next(part for part in self.parts if part.name == cell.part)

    def result_of(self, cell: Cell) -> dict[str, Any] | None:
        """Return the result of a cell, None if it has none yet; see `read_result`."""
        return read_result(cell, self.root, self.budget, self.part_of(cell))

    def results(self, candidate: Candidate) -> dict[tuple[str, int], dict[str, Any]]:
        """Return (part, seed) -> result of a candidate, for the seeds with which all its parts are done."""
        found = {}
        for cell in self.cells():
            result = self.result_of(cell) if cell.candidate == candidate else None
            if result is not None:
                found[cell.part, cell.seed] = result
        complete = [seed for seed in self.seeds if all((part.name, seed) in found for part in self.parts)]
        return {(part, seed): result for (part, seed), result in found.items() if seed in complete}


@dataclass(frozen=True)
class Row:
    """A candidate in the table."""

    candidate: Candidate
    seeds: tuple[int, ...]
    figures: Mapping[str, Mapping[str, Figure]]
    """Name of a set of test cases -> name of a figure -> figure; sets without any case are left out."""
    groups: Mapping[str, Sequence[Group]]
    training_s: float
    """Mean over the cells."""
    versions: tuple[str, ...]
    """Versions of the package that trained the cells."""
    devices: tuple[str, ...]
    flag: UnseenFlag | None = None
    """How well unseen domains are told from seen ones; None if no training measured its domains."""


def table_rows(ablation: Ablation) -> list[Row]:
    """Return a row for each candidate that is done with at least one seed.

    Differences from the reference use the seeds that both have.
    """
    results = {candidate: ablation.results(candidate) for candidate in ablation.candidates}
    reference = results.get(ablation.reference, {})
    return [
        _row(ablation, candidate, found, reference if candidate != ablation.reference else {})
        for candidate, found in results.items()
        if found
    ]


def worst_unseen_cell(ablation: Ablation, candidate: Candidate) -> Cell:
    """Return the finished cell of a candidate with the lowest Dice of an unseen image."""

    def lowest(scores: Sequence[Mapping[str, Any]]) -> float:
        found = [score["dice"] for score in scores if score["set"] == "unseen" and score["dice"] is not None]
        return min(found, default=math.inf)

    results = ablation.results(candidate)
    part, seed = min(results, key=lambda key: lowest(results[key]["scores"]))
    return Cell(ablation.dataset, ablation.configuration, ablation.protocol, part, candidate, seed)


def _row(
    ablation: Ablation,
    candidate: Candidate,
    results: Mapping[tuple[str, int], Mapping[str, Any]],
    reference: Mapping[tuple[str, int], Mapping[str, Any]],
) -> Row:
    common = {key: results[key] for key in results if key in reference}
    figures, groups = {}, {}
    for name, (which, choose) in SETS.items():
        chosen = choose(group_scores(results, ablation.domain_map.domain_of, which))
        if not chosen:
            continue
        groups[name] = chosen
        figures[name] = compare(chosen, None)
        if common:
            pair = [
                choose(group_scores({key: source[key] for key in common}, ablation.domain_map.domain_of, which))
                for source in (common, reference)
            ]
            figures[name] = _with_differences(figures[name], compare(pair[0], pair[1]))
    values = list(results.values())
    return Row(
        candidate,
        tuple(sorted({seed for _, seed in results})),
        figures,
        groups,
        sum(value["training_s"] for value in values) / len(values),
        tuple(sorted({value["versions"]["nnunetv2"] for value in values})),
        tuple(sorted({value["device"] for value in values})),
        unseen_flag(values),
    )


def _with_differences(figures: Mapping[str, Figure], paired: Mapping[str, Figure]) -> dict[str, Figure]:
    return {
        name: Figure(figure.value, paired[name].difference, paired[name].interval) for name, figure in figures.items()
    }


def run_cells(ablation: Ablation, jobs: int, device: str, threads: int) -> tuple[int, list[BaseException]]:
    """Do all cells that are not done; return how many other processes are working on, and the failures.

    Parameters:
        jobs: processes; 0 works in this one.
        threads: of torch in each of them.

    A failing cell does not stop the others. Raises WorkerDiedError if a process was killed.
    """
    from tqdm import tqdm

    from nnunetv2.ablation.cell_run import CellTask, run_cell
    from nnunetv2.foundation.progress import redraw_interval_s
    from nnunetv2.foundation.workers import WorkerPool

    open_cells = [cell for cell in ablation.cells() if ablation.result_of(cell) is None]
    tasks: list[Task] = []
    with (
        WorkerPool(jobs) as pool,
        tqdm(total=len(open_cells), desc="Cells", mininterval=redraw_interval_s()) as bar,
    ):
        for cell in open_cells:
            settings = (ablation.budget, ablation.root, ablation.preprocessed, device, threads)
            tasks.append(pool.submit(str(cell), run_cell, CellTask(cell, ablation.part_of(cell), *settings)))
            pool.wait(unfinished_at_most=max(0, pool.num_workers - 1))
            bar.update(sum(task.finished for task in tasks) - bar.n)
        while pool.unfinished:
            pool.wait(unfinished_at_most=pool.unfinished - 1)
            bar.update(sum(task.finished for task in tasks) - bar.n)
    failures = [task.error for task in tasks if task.error is not None]
    return sum(task.error is None and not task.result for task in tasks), failures
