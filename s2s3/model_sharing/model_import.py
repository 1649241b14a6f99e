"""Install the models of a zip file into nnUNet_results."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipInfo

from nnunetv2.errors import ArchiveError, MissingFileError
from nnunetv2.foundation.files import make_folder
from nnunetv2.model_sharing.bundle_check import Card, check_hashes, check_listed, read_cards
from nnunetv2.model_sharing.existing_files import refuse_overwriting
from nnunetv2.model_sharing.model_card import CARD_FILE, CARD_PAGE
from nnunetv2.model_sharing.zip_archive import PathLike, files_by_path, opened_zip, top_folders, unpack
from nnunetv2.paths import nnUNet_results
from s1.listed_files import is_hidden
from s1.partial_files import partial_folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstalledModel:
    """A model that was installed."""

    name: str
    """`<data set>/<model>`."""
    card: Card | None
    """None in zip files of nnU-Net, which have none."""


def install_model_from_zip_file(zip_file: PathLike, overwrite: bool | None = None) -> None:
    """Unpack the models of a zip file into nnUNet_results.

    Raises ArchiveError, before anything is unpacked, for an entry that would land elsewhere (absolute path, `..`,
    link) and for a zip file that is damaged, differs from the cards of its models, or holds no folder Dataset...;
    other things at its top are left out.

    Parameters:
        overwrite: whether a model that is there is replaced, with a warning; if not, it raises OutputExistsError. None:
            only by zip files without a card, as in nnU-Net.
    """
    install_archive(zip_file, str(zip_file), overwrite)


def install_archive(zip_file: PathLike, shown_as: str, overwrite: bool | None) -> list[InstalledModel]:
    """Install as `install_model_from_zip_file` does; return the models, sorted by name."""
    results = make_folder(nnUNet_results.require(), "nnUNet_results")
    if not os.path.isfile(zip_file):
        raise MissingFileError(f"zip file not found: {zip_file}")
    with opened_zip(zip_file, shown_as) as archive:
        files = _without_hidden(files_by_path(archive, shown_as))
        belonging = {path: entry for path, entry in files.items() if _is_of_a_dataset(path)}
        _report_stray(shown_as, files.keys() - belonging.keys(), bool(belonging))
        cards = read_cards(archive, belonging, shown_as)
        check_listed(cards, belonging, shown_as)
        models = sorted({"/".join(path.parts[:2]) for path in belonging if "__" in path.parts[1]})
        with partial_folder(results) as staging:
            check_hashes(cards, unpack(archive, belonging, staging), shown_as)
            if not cards if overwrite is None else overwrite:
                _report_overwriting(results, models, belonging.keys())
                _remove_cards(results / model for model in models if model not in cards)
            else:
                refuse_overwriting(staging, results, models, list(belonging))
            _move_into(staging, results)
    return [InstalledModel(model, cards.get(model)) for model in models]


def _without_hidden(files: Mapping[PurePosixPath, ZipInfo]) -> dict[PurePosixPath, ZipInfo]:
    """Leave out what macOS adds to archives: hidden files and the folder __MACOSX."""
    kept = {path: entry for path, entry in files.items() if not any(map(_is_litter, path.parts))}
    if len(kept) < len(files):
        example = next(path for path in files if path not in kept)
        _log.info("not installed: %d hidden file(s), for example %s", len(files) - len(kept), example)
    return kept


def _is_litter(name: str) -> bool:
    return is_hidden(name) or name == "__MACOSX"


def _is_of_a_dataset(path: PurePosixPath) -> bool:
    return len(path.parts) > 1 and path.parts[0].startswith("Dataset")


def _report_stray(shown_as: str, stray: Iterable[PurePosixPath], any_model: bool) -> None:
    tops = list(top_folders(stray))
    if not any_model:
        raise ArchiveError(
            f"{shown_as}: no model in it. Expected DatasetXXX_Name/<trainer>__<plans>__<configuration>/... at the top, "
            f"found {', '.join(tops) or 'nothing'}"
        )
    if tops:
        _log.warning("not installed, as it belongs to no data set: %s", ", ".join(tops))


def _report_overwriting(results: Path, models: Iterable[str], files: Iterable[PurePosixPath]) -> None:
    """Say which models are replaced, and which of their checkpoints stay because the archive has none for them."""
    names = set(map(str, files))
    for model in models:
        if not (results / model).is_dir():
            continue
        _log.warning("overwriting the model %s", results / model)
        there = sorted(file.relative_to(results).as_posix() for file in (results / model).glob("fold_*/[!.]*.pth"))
        kept = [file.removeprefix(f"{model}/") for file in there if file not in names]
        if kept:
            _log.warning("checkpoints of the model that was there stay beside it: %s", ", ".join(kept))


def _remove_cards(models: Iterable[Path]) -> None:
    """Remove the cards of models that are replaced by others without a card."""
    for model in models:
        for name in (CARD_FILE, CARD_PAGE):
            (model / name).unlink(missing_ok=True)


def _move_into(source: Path, target: Path) -> None:
    """Rename what is in one folder into another; what is not there yet, such as a new model, appears at once."""
    for item in sorted(source.iterdir()):
        if item.is_dir() and (target / item.name).is_dir():
            _move_into(item, target / item.name)
        else:
            os.replace(item, target / item.name)
