"""Whether what an earlier run left in a slide's folder is what is asked for now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import OutputExistsError
from nnunetv2.file_kinds.slide_files import WITH_OUTPUTS
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_state import DONE
from nnunetv2.pathology.setting_checks import first_difference


def is_ended(before: Mapping[str, Any], settings: SlideSettings) -> bool:
    """Tell whether the state of a slide says that it was predicted, and that is not to be done again."""
    return before.get("state") in WITH_OUTPUTS and not settings.overwrite


def is_finished(folder: Path, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether nothing is left to do for a slide that `is_ended`; without tissue, other settings are worth a look.

    Parameters:
        before: the state of the slide.
        wanted: its entries `model`, `path`, `source` and `settings` as they would be now.

    Raises OutputExistsError for outputs of another slide, model, or of other settings, naming the first that differs.
    """
    _require_same_model(folder, before, wanted["model"]["hash"])
    _require_same_slide(folder, before, wanted)
    found = before.get("settings")
    different = first_difference(found if isinstance(found, dict) else {}, wanted["settings"])
    if different and before.get("state") == DONE:
        raise OutputExistsError(f"{folder} was made with another {different}. Use another folder or --overwrite")
    return different is None and "measurements" in before  # which slides without tissue once lacked


def _require_same_slide(folder: Path, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    found, source = before.get("source"), wanted["source"]
    if found is None:  # of an earlier version, which knew slides by their paths
        is_same = before.get("path") == wanted["path"]
    else:
        is_same = (found.get("size"), found.get("hash")) == (source["size"], source["hash"])
    if not is_same:
        raise OutputExistsError(
            f"{folder} was made from another slide ({before.get('path')}, or that file before it changed). Use another "
            "folder or --overwrite"
        )
    if found is not None and found.get("slide_mpp") != source["slide_mpp"]:
        raise OutputExistsError(
            f"{folder} was made with another pixel size of the slide ({found.get('slide_mpp')} instead of "
            f"{source['slide_mpp']}; None: as its file says). Use another folder or --overwrite"
        )


def _require_same_model(folder: Path, before: Mapping[str, Any], model_hash: str) -> None:
    found = before.get("model", {})
    if found.get("hash") != model_hash:
        raise OutputExistsError(
            f"{folder} was made with another model (hash {str(found.get('hash'))[:4]}.. instead of "
            f"{model_hash[:4]}..). Use another folder or --overwrite"
        )
