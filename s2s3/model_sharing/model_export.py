"""Pack trained models into a zip file whose entries are named relative to nnUNet_results."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.errors import IncompleteModelError
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.output_guard import check_output_file, is_model_archive
from nnunetv2.model_sharing.card_page import card_page
from nnunetv2.model_sharing.model_card import CARD_FILE, CARD_PAGE, Card, CardTexts, describe_model
from nnunetv2.model_sharing.model_files import FoundFiles, Wanted, find_dataset_files, find_model_files
from nnunetv2.model_sharing.zip_archive import PackedFile, write_zip
from nnunetv2.paths import nnUNet_results
from nnunetv2.utilities.dataset_name_id_conversion import maybe_convert_to_dataset_name
from nnunetv2.utilities.file_path_utilities import get_output_folder
from s1.files import json_bytes

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.utilities.file_path_utilities": (
            "check_workers_alive_and_busy",
            "convert_ensemble_folder_to_model_identifiers_and_folds",
            "convert_identifier_to_trainer_plans_config",
            "convert_trainer_plans_config_to_identifier",
            "folds_string_to_tuple",
            "folds_tuple_to_string",
            "get_ensemble_name",
            "parse_dataset_trainer_plans_configuration_from_path",
        )
    },
)

_log = logging.getLogger(__name__)


def export_pretrained_model(
    dataset_name_or_id: int | str,
    output_file: str,
    configurations: tuple[str, ...] = ("2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres"),
    trainer: str = "nnUNetTrainer",
    plans_identifier: str = "nnUNetPlans",
    folds: tuple[int | str, ...] = (0, 1, 2, 3, 4),
    strict: bool = True,
    save_checkpoints: tuple[str, ...] = ("checkpoint_final.pth",),
    export_crossval_predictions: bool = False,
    intended_use: str | None = None,
    not_tested_on: Sequence[str] = (),
) -> None:
    """Write checkpoints, plans, scores, domain files and cards of the models, and their ensembles, to `output_file`.

    Parameters:
        strict: whether a configuration, fold or file that is not there is an error; else it is left out, with a
            warning. A fold without one of the checkpoints counts as not there.
        export_crossval_predictions: also pack the segmentations of the validation cases.
        intended_use: what the models are for, on their cards.
        not_tested_on: what their scores say nothing about, besides what follows from their files.

    Raises IncompleteModelError, which lists everything that is missing; nothing is written then. The code of a
    trainer of one's own is not packed.
    """
    check_output_file(output_file, "a zip file of models", is_model_archive, {})
    dataset = maybe_convert_to_dataset_name(dataset_name_or_id)
    texts = CardTexts(intended_use, tuple(not_tested_on))
    wanted = Wanted(_as_tuple(folds), _as_tuple(save_checkpoints), export_crossval_predictions)
    names = [
        Path(get_output_folder(dataset, trainer, plans_identifier, name)).name for name in _as_tuple(configurations)
    ]
    folder = nnUNet_results / dataset
    models = {name: find_model_files(folder / name, wanted) for name in names}
    _complain_of_missing(dataset, models, strict)
    cards = {
        folder / name: describe_model(folder / name, model.files, wanted, texts)
        for name, model in models.items()
        if model.files
    }
    files = [file for model in models.values() for file in model.files]
    files += find_dataset_files(folder, [model.name for model in cards], wanted)
    named = [(file, file.relative_to(folder.parent).as_posix()) for file in files]
    write_zip(named, output_file, lambda packed: _card_files(cards, packed))


def _card_files(cards: Mapping[Path, Card], packed: Mapping[str, PackedFile]) -> dict[str, bytes]:
    """Return the two files of each model's card by name; a card lists the files of its model and those of no model."""
    names = {model: f"{model.parent.name}/{model.name}/" for model in cards}
    shared = [name for name in packed if not name.startswith(tuple(names.values()))]
    contents = {}
    for model, card in cards.items():
        own = [name for name in packed if name.startswith(names[model])]
        page = card_page(card).encode()
        listed = {name: packed[name] for name in (*own, *shared)}
        listed[names[model] + CARD_PAGE] = PackedFile(len(page), hashlib.sha256(page).hexdigest())
        entries = {name: {"bytes": file.size_bytes, "sha256": file.sha256} for name, file in listed.items()}
        contents[names[model] + CARD_PAGE] = page
        contents[names[model] + CARD_FILE] = json_bytes({**card, "files": entries})
    return contents


def _as_tuple(given: Any) -> tuple[Any, ...]:
    """Return the items, each once; one alone needs no brackets."""
    return (given,) if isinstance(given, int | str) else tuple(dict.fromkeys(given))


def _complain_of_missing(dataset: str, models: dict[str, FoundFiles], strict: bool) -> None:
    missing = [line for model in models.values() for line in model.missing]
    if not any(model.files for model in models.values()):
        raise IncompleteModelError(f"{dataset}: there is no model to export; missing are", missing)
    if missing and strict:
        advice = "name configurations, folds and checkpoints that are there, or leave out the rest with --not_strict"
        raise IncompleteModelError(f"{dataset}: {len(missing)} thing(s) missing; {advice}", missing)
    for line in missing:
        _log.warning("left out: %s", line)
