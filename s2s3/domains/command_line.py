"""The commands `drift domains` and `drift splits`."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnunetv2.errors import DatasetLayoutError, MissingFileError, SettingsError
from nnunetv2.foundation.command_line import command
from nnunetv2.foundation.output_guard import check_output_file, is_json_with
from s1.file_endings import label_ending

if TYPE_CHECKING:
    from nnunetv2.domains.domain_splits import Split
    from s1.domain_map import DomainMap

_SCHEMES = ("stratified", "leave-one-domain-out")


@command
def domains_entry() -> None:
    """Make domains.json of a raw dataset from a table, a pattern or number ranges."""
    arguments = _domains_parser().parse_args()
    from s1.domain_files import write_domain_map

    folder = _raw_folder(arguments.d)
    target = Path(arguments.o) if arguments.o else folder / "domains.json"
    _refuse_overwriting(target, arguments.overwrite)
    if arguments.o:
        check_output_file(target, "a file of domains", is_json_with("domains"), {"--csv": arguments.csv})
    domain_map = _make_map(arguments, _raw_cases(folder))
    write_domain_map(domain_map, target)
    for name, cases in domain_map.domains.items():
        print(f"{name}: {len(cases)} cases")
    print(f"written: {target}")


@command
def splits_entry() -> None:
    """Write splits_final.json of a dataset, with folds that respect its domains."""
    arguments = _splits_parser().parse_args()
    from nnunetv2.foundation.files import write_json

    preprocessed = _preprocessed_folder(arguments.d)
    target = Path(arguments.o) if arguments.o else preprocessed / "splits_final.json"
    _refuse_overwriting(target, arguments.overwrite)
    if arguments.o:
        check_output_file(target, "a file of folds", is_json_with("train", "val"), {})
    domain_map, splits = _make_splits(arguments, preprocessed, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_json(splits, target)
    print(_describe_splits(splits, domain_map))
    print(f"written: {target}")


def _domains_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make domains.json: which training case belongs to which domain.")
    parser.add_argument("-d", required=True, metavar="DATASET", help="id or name of a raw dataset")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--csv", metavar="FILE", help="table with the columns case and domain")
    source.add_argument(
        "--pattern", metavar="REGEX", help="regular expression over case names; its group (?P<domain>...) is the domain"
    )
    source.add_argument(
        "--ranges",
        nargs="+",
        metavar="NAME=NUMBERS",
        help="by the number that ends the case name, for example A=1-123 B=124-259 or A=1-5,9 B=10-",
    )
    parser.add_argument("-o", metavar="FILE", help="output file (default: domains.json in the dataset's folder)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    return parser


def _splits_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Write splits_final.json with folds that respect domains and groups.")
    parser.add_argument("-d", required=True, metavar="DATASET", help="id or name of a dataset with domains.json")
    parser.add_argument(
        "--scheme",
        choices=_SCHEMES,
        default=_SCHEMES[0],
        help="stratified: every domain spread over all folds; leave-one-domain-out: fold k holds out all of domain k",
    )
    parser.add_argument("--folds", type=int, default=5, help="number of stratified folds (default 5)")
    parser.add_argument("--seed", type=int, default=12345, help="seed of the stratified folds (default 12345)")
    parser.add_argument("-o", metavar="FILE", help="output file (default: in the preprocessed dataset)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    return parser


def _raw_folder(dataset: str) -> Path:
    from nnunetv2.paths import nnUNet_raw
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    folder = nnUNet_raw / maybe_convert_to_dataset_name(dataset)
    if not folder.is_dir():
        raise MissingFileError(f"raw dataset not found: {folder}")
    return folder


def _preprocessed_folder(dataset: str) -> Path:
    from nnunetv2.paths import nnUNet_preprocessed
    from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name

    return nnUNet_preprocessed / maybe_convert_to_dataset_name(dataset)


def _raw_cases(folder: Path) -> list[str]:
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    cases = sorted(get_filenames_of_train_images_and_targets(str(folder)))
    if not cases:
        raise DatasetLayoutError(f"{folder}: no training cases found")
    return cases


def _make_map(arguments: argparse.Namespace, cases: Sequence[str]) -> "DomainMap":
    from s1.domain_map_makers import domain_map_from_csv, domain_map_from_pattern, domain_map_from_ranges

    if arguments.csv:
        return domain_map_from_csv(arguments.csv, cases)
    if arguments.pattern:
        return domain_map_from_pattern(arguments.pattern, cases)
    return domain_map_from_ranges(_parse_named(arguments.ranges), cases)


def _parse_named(texts: Sequence[str]) -> dict[str, str]:
    ranges: dict[str, str] = {}
    for text in texts:
        name, separator, numbers = text.partition("=")
        if not separator or not name or name in ranges:
            raise SettingsError(f"--ranges: got {text!r}, expected NAME=NUMBERS, for example A=1-123, each name once")
        ranges[name] = numbers
    return ranges


def _make_splits(arguments: argparse.Namespace, preprocessed: Path, target: Path) -> tuple["DomainMap", "list[Split]"]:
    from nnunetv2.domains.dataset_domains import read_dataset_domains
    from nnunetv2.domains.domain_splits import check_groups, leave_one_domain_out_splits, stratified_splits
    from nnunetv2.paths import nnUNet_raw

    cases = _split_cases(arguments.d, preprocessed)
    raw = [nnUNet_raw / preprocessed.name] if nnUNet_raw.is_set() else []
    domains = read_dataset_domains(preprocessed, *raw, cases=cases)
    domain_map = domains.required_map
    if arguments.scheme == "stratified":
        return domain_map, stratified_splits(cases, domain_map, domains.groups, arguments.folds, arguments.seed)
    splits = leave_one_domain_out_splits(cases, domain_map)
    check_groups(splits, domains.groups, str(target))
    return domain_map, splits


def _split_cases(dataset: str, preprocessed: Path) -> list[str]:
    """Return the preprocessed cases, or those of the raw dataset if it was not preprocessed."""
    from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
    from nnunetv2.foundation.files import read_json
    from nnunetv2.utilities.utils import files_in_folder

    references = preprocessed / "gt_segmentations"
    if not references.is_dir():
        return _raw_cases(_raw_folder(dataset))
    ending = label_ending(read_json(preprocessed / "dataset.json", MODEL_DATASET)["file_ending"])
    return [name.removesuffix(ending) for name in files_in_folder(references, ending)]


def _refuse_overwriting(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise SettingsError(f"{target} already exists; pass --overwrite to replace it")


def _describe_splits(splits: "Sequence[Split]", domain_map: "DomainMap") -> str:
    lines = []
    for number, split in enumerate(splits):
        held_out = Counter(domain_map.domain_of(case) for case in split["val"])
        shares = ", ".join(f"{name} {held_out[name]}" for name in domain_map.names)
        lines.append(f"fold {number}: {len(split['train'])} train, {len(split['val'])} val ({shares})")
    return "\n".join(lines)
