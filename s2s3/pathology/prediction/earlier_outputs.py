"""Whether what an earlier run left in a slide's folder is what is asked for now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import OutputExistsError
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_state import DONE, NO_TISSUE

_WITHOUT_EFFECT = ("overwrite", "max_failed", "keep_partial", "memory_gb", "batch_size")
"""Settings that change no output of a slide that is done, or only by rounding."""


def deciding_settings(settings: SlideSettings) -> dict[str, Any]:
    """Return the settings on which the outputs depend."""
    return {name: value for name, value in settings.to_dict().items() if name not in _WITHOUT_EFFECT}


def is_ended(before: Mapping[str, Any], settings: SlideSettings) -> bool:
    """Tell whether the state of a slide says that it was predicted, and that is not to be done again."""
    return before.get("state") in (DONE, NO_TISSUE) and not settings.overwrite


def is_finished(
    folder: Path, before: Mapping[str, Any], settings: SlideSettings, model_hash: str, source: Mapping[str, Any]
) -> bool:
    """Tell whether nothing is left to do for a slide that `is_ended`; without tissue, other settings are worth a look.

    Parameters:
        before: the state of the slide.
        source: what `made_from` returns of the slide.

    Raises OutputExistsError for outputs of another slide, model, or of other settings, naming the first that differs.
    """
    _require_same_model(folder, before, model_hash)
    _require_same_slide(folder, before, source)
    found, wanted = before.get("settings"), deciding_settings(settings)
    different = [name for name in wanted if not isinstance(found, dict) or found.get(name) != wanted[name]]
    if different and before.get("state") == DONE:
        raise OutputExistsError(f"{folder} was made with another {different[0]}. Use another folder or --overwrite")
    return not different


def _require_same_slide(folder: Path, before: Mapping[str, Any], source: Mapping[str, Any]) -> None:
    found = before.get("source")
    if found is None:  # of an earlier version
        return
    if (found.get("size"), found.get("hash")) != (source["size"], source["hash"]):
        raise OutputExistsError(
            f"{folder} was made from another slide ({before.get('path')}, or that file before it changed). Use another "
            "folder or --overwrite"
        )
    if found.get("slide_mpp") != source["slide_mpp"]:
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
