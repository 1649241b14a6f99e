"""`drift convert`: makes a raw dataset from a folder of images, a folder of masks and a table of domains."""

import logging
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2.dataset_conversion.generate_dataset_json import generate_dataset_json
from nnunetv2.dataset_conversion.image_folder_cases import (
    ConvertedCase,
    Pair,
    TestImage,
    convert_pair,
    convert_test_image,
    pair_cases,
)
from nnunetv2.dataset_conversion.image_folder_labels import (
    labels_named_by_number,
    listed,
    unknown_value_problems,
    unusable_labels,
)
from nnunetv2.dataset_conversion.label_arguments import named_once
from nnunetv2.dataset_conversion.target_folder import check_dataset_name, new_raw_dataset
from nnunetv2.errors import DatasetError, DatasetLayoutError, MissingFileError
from nnunetv2.foundation.files import write_json
from nnunetv2.foundation.workers import run_cases
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets
from s1.domain_files import write_domain_map
from s1.domain_map import DomainMap
from s1.domain_map_makers import domain_map_from_csv, groups_from_csv

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConversionSettings:
    """Options of the conversion."""

    images: Path
    masks: Path
    dataset_name: str
    """Dataset004_Name."""
    table: Path | None = None
    """Table with the columns case and domain, and optionally group."""
    labels: Mapping[str, int] | None = None
    """Name -> value; None: background and label_1, label_2, ... from the values found."""
    relabel: Mapping[int, int] = field(default_factory=dict)
    """Value in the masks -> label."""
    mask_suffix: str = ""
    """Text that ends the names of masks, but not those of images."""
    keep_jpeg: bool = False
    """Copy the images, which have to be JPEG files, instead of storing them as PNG."""


@dataclass(frozen=True)
class Contents:
    """What a new raw dataset consists of."""

    dataset_name: str
    pairs: Mapping[str, Pair]
    """Case -> its files."""
    labels: Mapping[str, int] | None = None
    relabel: Mapping[int, int] = field(default_factory=dict)
    domains: DomainMap | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    """Case -> patient or slide."""
    keep_jpeg: bool = False
    colours: Mapping[int, int] = field(default_factory=dict)
    """Colour in the masks, 0xRRGGBB -> value that `relabel` is about; empty: masks hold values."""
    tests: Mapping[str, TestImage] = field(default_factory=dict)
    """Case -> its files, for imagesTs and labelsTs."""
    problems: Sequence[str] = ()
    """What is wrong already; listed together with what is found while files are read."""


def convert_image_folder(settings: ConversionSettings, num_processes: int = 2) -> Counter[str]:
    """Write the dataset to nnUNet_raw, all or nothing, and return the number of cases per domain.

    Raises DatasetError listing every problem of images and masks, DomainMapError listing those of the table.
    """
    check_dataset_name(settings.dataset_name)
    pairs, problems = _pairs_of(settings)
    problems += unusable_labels(settings.labels) if settings.labels else []
    domains, groups = _read_table(settings.table, list(pairs)) if settings.table and not problems else (None, {})
    return convert_pairs(
        Contents(
            settings.dataset_name,
            pairs,
            settings.labels,
            settings.relabel,
            domains,
            groups,
            settings.keep_jpeg,
            problems=problems,
        ),
        num_processes,
    )


def convert_pairs(contents: Contents, num_processes: int) -> Counter[str]:
    """Write a dataset of pairs of files to nnUNet_raw, all or nothing, and return the number of cases per domain.

    Raises DatasetError listing every problem.
    """
    with new_raw_dataset(contents.dataset_name) as target:
        (target / "imagesTr").mkdir()
        (target / "labelsTr").mkdir()
        tasks = [
            (case, (pair, case, target, dict(contents.relabel), contents.keep_jpeg, dict(contents.colours)))
            for case, pair in contents.pairs.items()
        ]
        converted = dict(zip(contents.pairs, run_cases(convert_pair, tasks, num_processes, "convert"), strict=True))
        labels = _checked_labels(contents, {**converted, **_converted_tests(contents, target, num_processes)})
        _write_descriptions(contents, converted, labels, target)
    _log.info("%d cases with the labels %s", len(converted), listed(list(labels)))
    domains = contents.domains.domains if contents.domains else {}
    return Counter({name: len(cases) for name, cases in domains.items()})


def _converted_tests(contents: Contents, target: Path, num_processes: int) -> dict[str, ConvertedCase]:
    """Write the images for testing and return what they hold, by names that no case has."""
    tests = contents.tests
    folders = {"imagesTs": bool(tests), "labelsTs": any(test.mask for test in tests.values())}
    for name in (name for name, needed in folders.items() if needed):
        (target / name).mkdir()
    how = (target, dict(contents.relabel), dict(contents.colours))
    tasks = [(case, (test, case, *how)) for case, test in tests.items()]
    found = run_cases(convert_test_image, tasks, num_processes, "convert images for testing")
    return {f"{case} in imagesTs": converted for case, converted in zip(tests, found, strict=True)}


def _checked_labels(contents: Contents, converted: Mapping[str, ConvertedCase]) -> Mapping[str, int]:
    """Return the labels, by default as found. Raises DatasetError listing all problems."""
    found = sorted({0}.union(*(case.labels for case in converted.values())))
    labels = contents.labels or labels_named_by_number(len(found))
    problems = [*contents.problems, *(problem for case in converted.values() for problem in case.problems)]
    problems += unknown_value_problems(converted, found, sorted(labels.values())) + _channel_problems(converted)
    if found == [0] and not problems:
        problems = ["no mask contains anything but background (0)"]
    if problems:
        raise DatasetError(f"{len(problems)} problem(s), nothing was written:", problems)
    return labels


def _write_descriptions(
    contents: Contents, converted: Mapping[str, ConvertedCase], labels: Mapping[str, int], target: Path
) -> None:
    _write_dataset_json(target, converted, labels, ".jpg" if contents.keep_jpeg else ".png")
    if contents.domains is not None:
        write_domain_map(contents.domains, target / "domains.json")
    if contents.groups:
        write_json({"groups": dict(contents.groups)}, target / "groups.json")


def _pairs_of(settings: ConversionSettings) -> tuple[dict[str, Pair], list[str]]:
    for folder in (settings.images, settings.masks):
        if not folder.is_dir():
            raise MissingFileError(f"folder not found: {folder}")
    return pair_cases(settings.images, settings.masks, settings.mask_suffix)


def _channel_problems(converted: Mapping[str, ConvertedCase]) -> list[str]:
    counts = Counter(case.channels for case in converted.values() if case.channels)
    if len(counts) < 2:
        return []
    usual = counts.most_common(1)[0][0]
    return [
        f"image of case {case}: {info.channels} channels, most others have {usual}"
        for case, info in converted.items()
        if info.channels not in (0, usual)
    ]


def _read_table(path: Path, cases: Sequence[str]) -> tuple[DomainMap, dict[str, str]]:
    """Return the domains and case -> group, which is empty if the table has no column `group`."""
    return domain_map_from_csv(path, cases), groups_from_csv(path, cases)


def _write_dataset_json(
    target: Path, converted: Mapping[str, ConvertedCase], labels: Mapping[str, int], file_ending: str
) -> None:
    channels = next(iter(converted.values())).channels
    names = {"0": "grey"} if channels == 1 else {"0": "R", "1": "G", "2": "B"}
    generate_dataset_json(str(target), names, dict(labels), len(converted), file_ending)


def convert_as_asked(arguments: Namespace) -> None:
    """Convert as the arguments of `drift convert` ask."""
    taken = find_candidate_datasets(arguments.d)
    if len(taken):
        raise DatasetLayoutError(f"id {arguments.d} is taken by {', '.join(map(str, taken))}; choose another with -d")
    settings = ConversionSettings(
        Path(arguments.i),
        Path(arguments.m),
        f"Dataset{arguments.d:03d}_{arguments.n}",
        Path(arguments.csv) if arguments.csv else None,
        named_once("--labels", arguments.labels) if arguments.labels else None,
        named_once("--relabel", arguments.relabel),
        arguments.mask_suffix,
        arguments.keep_jpeg,
    )
    for domain, count in convert_image_folder(settings, arguments.np).items():
        _log.info("%s: %d cases", domain, count)
    _log.info("%s is ready: nnUNetv2_plan_and_preprocess -d %d -c 2d", settings.dataset_name, arguments.d)
