"""What decides how the cases of a dataset are preprocessed: entries of plans and dataset.json, and source code."""

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import nnunetv2
from nnunetv2.errors import SettingsError
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager

_PLANS_ENTRIES = (
    "foreground_intensity_properties_by_modality",
    "foreground_intensity_properties_per_channel",
    "image_reader_writer",
    "label_manager",
    "transpose_forward",
)
_CONFIGURATION_ENTRIES = (
    "normalization_schemes",
    "resampling_fn_data",
    "resampling_fn_data_kwargs",
    "resampling_fn_seg",
    "resampling_fn_seg_kwargs",
    "spacing",
    "use_mask_for_norm",
)
_DATASET_ENTRIES = ("channel_names", "labels", "modality", "regions_class_order")
_CODE_FOLDERS = ("imageio", "preprocessing")


def reads_only_listed_entries(preprocessor: Any) -> bool:
    """Tell whether the class itself, not a base of it, promises to read no entries but those listed here."""
    return vars(type(preprocessor)).get("reads_only_listed_entries", False) is True


def recipe(
    preprocessor: Any,
    plans: PlansManager,
    configuration: ConfigurationManager,
    dataset_json: Mapping[str, Any],
) -> list[Any]:
    """Return, in JSON types, all that decides what the stored arrays and properties of a case are.

    The patch size is left out: it only shapes the blocks of the files, which any patch can be read from. So planners
    that differ in nothing but network and patch share the preprocessed cases. An own preprocessor may read any entry,
    therefore all of them count for it.
    """
    shared_plans = {key: value for key, value in plans.plans.items() if key != "configurations"}
    entries = [shared_plans, configuration.configuration, dataset_json]
    if reads_only_listed_entries(preprocessor):
        names = (_PLANS_ENTRIES, _CONFIGURATION_ENTRIES, _DATASET_ENTRIES)
        entries = [_selected(content, chosen) for content, chosen in zip(entries, names, strict=True)]
    classes = (*type(preprocessor).__mro__, *_label_manager_classes(preprocessor, plans))
    return [*entries, type(preprocessor).__qualname__, _code_digests(classes)]


def _label_manager_classes(preprocessor: Any, plans: PlansManager) -> tuple[type, ...]:
    """Return the label manager and its bases; none if only the workers of an own preprocessor know it."""
    try:
        return plans.label_manager_class.__mro__
    except SettingsError:
        if reads_only_listed_entries(preprocessor):
            raise
        return ()


def _selected(content: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: content[name] for name in names if name in content}


def _code_digests(classes: Iterable[type]) -> dict[str, str]:
    """Return digests of all source files for reading and preprocessing, and of those that define the classes.

    Neither the place of the installation nor the age of its files counts.
    """
    root = Path(nnunetv2.__path__[0])
    files = {
        file.relative_to(root).as_posix(): file for name in _CODE_FOLDERS for file in (root / name).rglob("[!.]*.py")
    }
    for found in classes:
        with suppress(TypeError, OSError):  # built-in classes and those typed in have no file
            files[found.__module__] = Path(inspect.getsourcefile(found) or inspect.getfile(found))
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in sorted(files.items())}
