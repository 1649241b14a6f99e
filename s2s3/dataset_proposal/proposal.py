"""A raw dataset as it would be made from a folder: cases, labels, domains, groups, and what stands in the way."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnunetv2.dataset_conversion.image_folder_cases import TestImage
from nnunetv2.dataset_conversion.mask_colours import Colour
from nnunetv2.dataset_proposal.case_inspection import CaseFacts, inspect_case, inspect_test_image
from nnunetv2.dataset_proposal.class_colours import (
    are_classes_colours,
    colour_problems,
    legend_note,
    named_by_colour,
    numbered_colours,
    too_many_colours,
    values_among_colours,
)
from nnunetv2.dataset_proposal.found_files import FoundFiles, advice_about, find_files
from nnunetv2.dataset_proposal.paired_cases import FoundCase, Pairing, pair_pictures
from nnunetv2.dataset_proposal.problem import Problem
from nnunetv2.dataset_proposal.proposed_labels import ProposedLabels, propose_labels
from nnunetv2.dataset_proposal.proposed_origins import (
    Origins,
    looks_like_origins,
    origins_from_names,
    origins_from_table,
)
from nnunetv2.dataset_proposal.similar_images import domains_by_looks
from nnunetv2.foundation.workers import run_cases
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets
from s1.case_names import case_of

FEWEST_CASES = 5
"""As many as folds; nnU-Net's splits need one case for each."""


@dataclass(frozen=True)
class StartSettings:
    """What the user said; everything else is found out."""

    folder: Path
    masks: Path | None = None
    dataset_id: int | None = None
    name: str | None = None
    table: Path | None = None
    labels: Mapping[str, int] | None = None
    relabel: Mapping[int, int] = field(default_factory=dict)
    look_at_images: bool = True
    """Whether to propose domains by the looks of images where nothing names them."""
    skip: bool = False
    """Whether to leave out cases with problems instead of refusing the folder."""
    num_processes: int = 2


@dataclass(frozen=True)
class Proposal:
    """What would be written."""

    dataset_name: str
    cases: list[FoundCase]
    """Those without problems."""
    facts: dict[str, CaseFacts]
    """Of these cases."""
    tests: dict[str, TestImage]
    """Case -> its files, for imagesTs and labelsTs."""
    labels: ProposedLabels
    colours: dict[Colour, int]
    """Colour in the masks -> number of its class before `labels.relabel`; empty if masks hold values."""
    origins: Origins
    problems: list[Problem]
    """What has to be mended, or was left out where the user asked for that."""
    notes: list[str]
    left_out: int = 0
    """Cases with problems, where the user asked to leave them out."""

    @property
    def is_usable(self) -> bool:
        """Whether the dataset can be written."""
        return bool(self.cases) and (not self.problems or self.left_out > 0)


def propose(settings: StartSettings) -> Proposal:
    """Look at everything in a folder. Raises DatasetError if it is none, or a dataset already."""
    found = find_files(settings.folder)
    more = find_files(settings.masks) if settings.masks else FoundFiles([], [])
    pictures = sorted({*found.pictures, *more.pictures})
    pairing = pair_pictures(pictures, settings.folder, settings.masks)
    looked = _look(pairing, settings.num_processes)
    of_files = [*found.problems, *more.problems, *pairing.problems]
    odd = {problem.where for problem in looked.problems}
    cases = [case for case in pairing.cases if not odd & {str(case.pair.image), str(case.pair.mask)}]
    tests = {name: test for name, test in pairing.tests.items() if not odd & {str(test.image), str(test.mask)}}
    facts = {case.name: looked.cases[case.name] for case in cases}
    of_all = [*facts.values(), *(looked.tests[name] for name in tests)]
    colours = numbered_colours(of_all) if are_classes_colours(of_all) else {}
    labels = _labels(of_all, colours, settings)
    left_out = {case.name for case in pairing.cases} - set(facts)
    left_out |= {case_of(Path(problem.where)) for problem in of_files}  # as a table would call them
    origins, of_origins = _origins(cases, left_out, found.tables, settings)
    whole = [*origins.problems, *(labels.problems if cases else ()), *colour_problems(colours)]
    skipped = of_files + looked.problems
    return Proposal(
        _dataset_name(settings),
        cases,
        facts,
        tests,
        labels,
        colours,
        origins,
        [*whole, *skipped],
        [*pairing.notes, *of_origins, *labels.notes, *_notes(found, facts, origins)],
        len(skipped) if settings.skip and not whole else 0,
    )


def _labels(facts: Collection[CaseFacts], colours: Mapping[Colour, int], settings: StartSettings) -> ProposedLabels:
    values = set(colours.values()) or {value for case in facts for value in case.values}
    labels = propose_labels(values, settings.labels, settings.relabel)
    if settings.labels is not None:
        return labels
    shown = {number: colour for colour, number in colours.items()}
    named = named_by_colour(labels, shown or {value: c for case in facts for value, c in case.palette.items()})
    return replace(named, notes=(*named.notes, legend_note(colours))) if colours else named


@dataclass(frozen=True)
class _Looked:
    """What all files hold."""

    cases: dict[str, CaseFacts]
    tests: dict[str, CaseFacts]
    problems: list[Problem]


def _look(pairing: Pairing, num_processes: int) -> _Looked:
    cases = _inspected(inspect_case, {case.name: (case,) for case in pairing.cases}, num_processes)
    tests = _inspected(inspect_test_image, {name: (test, name) for name, test in pairing.tests.items()}, num_processes)
    pairs: list[tuple[Path, Path | None, CaseFacts]] = []
    pairs += [(case.pair.image, case.pair.mask, cases[case.name]) for case in pairing.cases]
    pairs += [(test.image, test.mask, tests[name]) for name, test in pairing.tests.items()]
    problems = [problem for _, _, facts in pairs for problem in facts.problems]
    problems += _odd_channels([(image, facts) for image, _, facts in pairs])
    masks = [(str(mask), facts) for _, mask, facts in pairs if mask]
    if are_classes_colours(facts for _, facts in masks):
        problems += [*values_among_colours(masks), *too_many_colours(masks)]
    return _Looked(cases, tests, problems)


def _inspected(
    inspect: Callable[..., CaseFacts], tasks: Mapping[str, tuple[Any, ...]], num_processes: int
) -> dict[str, CaseFacts]:
    if not tasks:
        return {}
    return dict(zip(tasks, run_cases(inspect, list(tasks.items()), num_processes, "look"), strict=True))


def _odd_channels(images: Sequence[tuple[Path, CaseFacts]]) -> list[Problem]:
    """Return a problem for each image that is grey where most are RGB, or the other way."""
    counts = Counter(facts.channels for _, facts in images if not facts.problems)
    usual = counts.most_common(1)[0][0] if counts else 0
    kinds = {1: "grey", 3: "RGB"}
    return [
        Problem(
            str(image),
            f"is {kinds[facts.channels]}, most others are {kinds[usual]}",
            f"save it as {kinds[usual]}, or leave it out with --skip",
        )
        for image, facts in images
        if facts.channels not in (0, usual)
    ]


def _origins(
    cases: Sequence[FoundCase], left_out: Collection[str], tables: Sequence[Path], settings: StartSettings
) -> tuple[Origins, list[str]]:
    """Return domains and groups from a table, else from names, else domains from the looks of images; and notes."""
    candidates = [settings.table] if settings.table else [table for table in tables if looks_like_origins(table)]
    notes = []
    if len(candidates) > 1:
        notes = [f"{len(candidates)} tables name domains, so none is read; choose one with --csv"]
    if len(candidates) == 1 and candidates[0] and cases:
        return origins_from_table(candidates[0], cases, left_out), notes
    origins = origins_from_names(cases)
    if origins.domains or not settings.look_at_images:
        return origins, notes
    return domains_by_looks(cases, origins, settings.num_processes), notes


def _notes(found: FoundFiles, facts: Mapping[str, CaseFacts], origins: Origins) -> Iterable[str]:
    for kind, number in found.others.items():
        yield f"{number} files are {kind}: {advice_about(kind)}"
    if 0 < len(facts) < FEWEST_CASES:
        yield f"only {len(facts)} cases: train with fold `all`, since five folds need five cases"
    patients = len(set(origins.groups.values()))
    if 0 < patients < FEWEST_CASES:
        way = f"make {patients} folds with `drift splits`" if origins.has_several_domains else "train with fold `all`"
        yield f"only {patients} patients or slides, and five folds need five: {way}"
    few = [name for name, number in Counter(origins.domains.values()).items() if number < FEWEST_CASES]
    if few:
        yield f"fewer than {FEWEST_CASES} cases of {', '.join(few)}: some folds hold none of them out"
    same = _same_pixels(facts)
    if same:
        yield f"{len(same)} images occur more than once, such as {' and '.join(same[0][:3])}: keep one of each"


def _same_pixels(facts: Mapping[str, CaseFacts]) -> list[list[str]]:
    by_hash: dict[str, list[str]] = {}
    for name, case in facts.items():
        by_hash.setdefault(case.pixels_sha256, []).append(name)
    return [names for names in by_hash.values() if len(names) > 1]


def _dataset_name(settings: StartSettings) -> str:
    number = settings.dataset_id if settings.dataset_id is not None else free_dataset_id()
    words = re.findall(r"[A-Za-z0-9]+", settings.name or settings.folder.resolve().name)
    name = settings.name or "".join(word[:1].upper() + word[1:] for word in words) or "Images"
    return f"Dataset{number:03d}_{name}"


def free_dataset_id() -> int:
    """Return the lowest number, from 1, that no dataset has."""
    return next(number for number in range(1, 100_000) if not len(find_candidate_datasets(number)))
