"""Where the images of each domain come from: a raw nnU-Net dataset with domains.json, or one folder per domain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1.case_names import ByName, case_of, same_names
from s1.dataset_file import dataset_file
from s1.domain_files import read_domain_map
from s1.domain_map import DomainMap, check_domain_cases
from s1.domain_shift import default_class_weights
from s1.environment import folder_variable
from s1.errors import DomainMapError, DriftError, ImageProblemError, SourceError
from s1.file_endings import label_ending
from s1.files import file_sha256
from s1.image_pairs import ImagePair, find_pairs
from s1.json_files import read_json
from s1.listed_files import as_on_disk, list_files
from s1.problem_lists import closest_name, raise_together
from s1.readable_files import hindrance, is_given


@dataclass(frozen=True)
class DomainSource:
    """The images, and any masks, of each domain."""

    pairs: dict[str, list[ImagePair]]
    label_names: dict[int, str] | None = None
    """Label -> its name, without the ignore label; None if labels are not declared."""
    ignore_label: int | None = None
    folder: Path | None = None
    """Folder of the raw dataset."""
    domain_file_sha256: str | None = None

    def known_labels(self, ignore_label: int | None) -> frozenset[int] | None:
        """Return all labels a mask may contain, None if labels are not declared."""
        if self.label_names is None:
            return None
        return frozenset(self.label_names) | ({ignore_label} if ignore_label is not None else set())

    def class_weights(self) -> dict[int, float] | None:
        """Return the default weights for the labels of the dataset, None if labels are not declared."""
        return None if self.label_names is None else default_class_weights(self.label_names)


def open_raw_dataset(identifier: str) -> DomainSource:
    """Read a raw dataset, given by its id or its name, in the folder that nnUNet_raw names."""
    folder = find_raw_dataset(identifier)
    description = read_json(folder / "dataset.json", dataset_file("labels", "file_ending"), SourceError, SourceError)
    domain_file = folder / "domains.json"
    if not is_given(domain_file, DomainMapError):
        raise DomainMapError(
            f"{domain_file}: no such file; expected {{'domains': {{name: [cases]}}}}. `drift domains` makes it from a "
            "table, a pattern or number ranges, `drift prism --discover` proposes it by the looks of the images"
        )
    domain_map = read_domain_map(domain_file)
    cases = _cases_of(folder, description)
    check_domain_cases(domain_map, cases, domain_file)
    label_names, ignore_label = _labels_of(description["labels"])
    return DomainSource(
        {domain: [cases[case] for case in members] for domain, members in domain_map.domains.items()},
        label_names,
        ignore_label,
        folder,
        file_sha256(domain_file),
    )


def open_folders(specifications: Sequence[str]) -> DomainSource:
    """Read domains given as `NAME=IMAGES` or `NAME=IMAGES:MASKS`; problems of all folders are reported together."""
    pairs: dict[str, list[ImagePair]] = {}
    problems = []
    for specification in specifications:
        name, images, masks = _parse_specification(specification)
        if name in pairs:
            raise SourceError(f"--domain {name} is given twice; each domain needs its own name")
        pairs[name] = []
        try:
            pairs[name] = find_pairs(images, masks)
        except DriftError as error:
            problems.append(str(error))
    raise_together(ImageProblemError, "the domains cannot be read", problems)
    return DomainSource(pairs)


@dataclass(frozen=True)
class UndividedSource:
    """Images whose domains are to be found."""

    images: dict[str, Path]
    """Case -> image."""
    known: DomainMap | None = None
    """Two or more domains that are declared already, to compare with."""
    folder: Path | None = None
    """Folder of the raw dataset."""


def open_undivided_dataset(identifier: str) -> UndividedSource:
    """Read the training images of a raw dataset, given by its id or its name; domains.json may be missing."""
    folder = find_raw_dataset(identifier)
    description = read_json(folder / "dataset.json", dataset_file("labels", "file_ending"), SourceError, SourceError)
    cases = _cases_of(folder, description)
    known = None
    if is_given(folder / "domains.json", DomainMapError):
        known = read_domain_map(folder / "domains.json")
        check_domain_cases(known, cases, folder / "domains.json")
    return UndividedSource({case: pair.image for case, pair in cases.items()}, _if_several(known), folder)


def undivided(source: DomainSource) -> UndividedSource:
    """Return the images of all folders as one set. Raises ImageProblemError listing cases that several folders have."""
    images: dict[str, Path] = {}
    problems = []
    for pair in (pair for pairs in source.pairs.values() for pair in pairs):
        other = images.setdefault(case_of(pair.image), pair.image)
        if other is not pair.image:
            problems.append(f"{pair.image}: {other} has the same case name; rename one")
    raise_together(ImageProblemError, "case names must differ", problems)
    groups = {name: tuple(case_of(pair.image) for pair in pairs) for name, pairs in source.pairs.items()}
    return UndividedSource(images, _if_several(DomainMap(groups)))


def _if_several(domains: DomainMap | None) -> DomainMap | None:
    return domains if domains and len(domains.names) > 1 else None


def find_raw_dataset(identifier: str) -> Path:
    """Return the folder of a dataset given by its id or its full name."""
    root = folder_variable("nnUNet_raw").require(SourceError)
    if not Path(root).is_dir():
        raise SourceError(f"{root}: no such folder (set as nnUNet_raw)")
    names = sorted(entry.name for entry in Path(root).iterdir() if entry.name.startswith("Dataset") and entry.is_dir())
    if not identifier.isdigit():
        if identifier not in names:
            raise SourceError(f"{root}: contains no dataset {identifier!r}{closest_name(identifier, names)}")
        return Path(root) / identifier
    matching = [name for name in names if name.startswith(f"Dataset{int(identifier):03d}_")]
    if len(matching) != 1:
        found = " and ".join(matching) or "none"
        raise SourceError(f"{root}: expected one dataset with id {identifier}, found {found}")
    return Path(root) / matching[0]


def _parse_specification(text: str) -> tuple[str, Path, Path | None]:
    name, separator, folders = text.partition("=")
    if not separator or not name.strip() or not folders:
        raise SourceError(f"--domain {text}: expected NAME=IMAGES or NAME=IMAGES:MASKS")
    images, separator, masks = folders.rpartition(":")
    if not separator or Path(folders).is_dir():
        return name.strip(), Path(folders), None
    return name.strip(), Path(images), Path(masks)


def _cases_of(folder: Path, description: dict[str, Any]) -> ByName[ImagePair]:
    """Return the training cases: those that dataset.json lists, otherwise the files of imagesTr."""
    if not (folder / "imagesTr").is_dir():
        raise SourceError(f"{folder}: imagesTr is missing, so this is not a raw nnU-Net dataset")
    listed = description.get("dataset")
    files = _files_by_case(folder, description["file_ending"]) if listed is None else _listed_files(folder, listed)
    problems = []
    for case, (images, mask) in files.items():
        if len(images) != 1:
            problems.append(f"case {case!r} has {len(images)} image files, expected one RGB or grey image")
        elif mask is not None and (reason := hindrance(mask)):
            problems.append(f"{mask}: {reason}, the mask of case {case!r} is missing")
    raise_together(ImageProblemError, f"{folder}: cases are incomplete", problems)
    return ByName({case: ImagePair(images[0], mask) for case, (images, mask) in files.items()})


def _files_by_case(folder: Path, ending: str) -> dict[str, tuple[list[Path], Path | None]]:
    masks = folder / "labelsTr"
    files: dict[str, tuple[list[Path], Path | None]] = {}
    listed = list_files(folder / "imagesTr", ending)
    for name in listed.names:
        stem = name.removesuffix(ending)
        case, number = stem[:-5], stem[-5:]
        if number[:1] == "_" and number[1:].isdigit():
            mask = Path(as_on_disk(str(masks / f"{case}{label_ending(ending)}"))) if masks.is_dir() else None
            files.setdefault(case, ([], mask))[0].append(folder / "imagesTr" / name)
    problems = listed.problems + same_names(files)
    raise_together(ImageProblemError, f"{folder}: not every entry is a case", problems)
    if not files:
        raise SourceError(f"{folder / 'imagesTr'}: contains no image named CASE_0000{ending}")
    return files


def _listed_files(folder: Path, listed: dict[str, Any]) -> dict[str, tuple[list[Path], Path | None]]:
    return {
        case: ([_on_disk(folder, image) for image in entry["images"]], _on_disk(folder, entry["label"]))
        for case, entry in listed.items()
    }


def _on_disk(folder: Path, name: str) -> Path:
    return Path(as_on_disk(str(folder / name)))


def _labels_of(declared: Mapping[str, Any]) -> tuple[dict[int, str], int | None]:
    """Return label -> name without the ignore label (the last of several regions), and the ignore label."""
    numbers = {name: _numbers(value) for name, value in declared.items()}
    ignored = numbers.pop("ignore", [])
    return {n: name for name, values in numbers.items() for n in values}, ignored[0] if ignored else None


def _numbers(value: Any) -> list[int]:
    return [int(entry) for entry in value] if isinstance(value, list | tuple) else [int(value)]
