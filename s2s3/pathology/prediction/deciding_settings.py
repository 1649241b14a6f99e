"""The settings on which the outputs of a slide depend, so that equal requests are equal however they were typed."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from nnunetv2.errors import AnnotationError, MissingPixelSizeError
from nnunetv2.pathology.outputs.export_settings import without_outputs
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_settings import AUTO, SlideSettings
from nnunetv2.pathology.prediction.slide_stamp import content_hash
from nnunetv2.pathology.slides.watched_reader import within
from nnunetv2.pathology.tissue.tissue_sources import NONE, file_for

_WITHOUT_EFFECT = ("overwrite", "max_failed", "keep_partial", "memory_gb", "batch_size", "allow_upsampling")
"""Settings that change no output of a slide that is done, or only by rounding."""


def deciding_settings(
    settings: SlideSettings, model: SlideModel, slide: str, timeout_s: float | None = None
) -> dict[str, Any]:
    """Return name -> value of the settings that decide the outputs of a slide, as JSON values.

    Files and models count by their content, lists of names without their order; what has no effect is left out.

    Parameters:
        timeout_s: how long looking for a file, or reading a part of it, may take; None: any time.

    Raises HangingReadError if it takes longer.
    """
    given = settings.to_dict()
    unused = {*_WITHOUT_EFFECT, *without_effect(settings)}
    meant = _meant(settings, model, partial(_content, slide, timeout_s))
    return {name: value for name, value in {**given, **meant}.items() if name not in unused}


def without_effect(settings: SlideSettings) -> dict[str, str]:
    """Return the settings that others make pointless -> when they are, in words."""
    found = without_outputs(settings.save)
    if settings.tissue_model is None:
        found["tissue_mpp"] = "without --tissue_model"
    if settings.tissue != AUTO or settings.tissue_model is not None:
        found["stain"] = "with --tissue or --tissue_model"
    if settings.tissue == NONE and settings.roi is None:
        found["margin_um"] = "with --tissue none"
    return found


def _meant(settings: SlideSettings, model: SlideModel, content: Callable[[str | None], str | None]) -> dict[str, Any]:
    """Return the settings that can be written in several ways, in one."""
    tissue = settings.tissue if settings.tissue in (AUTO, NONE) else content(settings.tissue)
    return {
        "mpp": _mpp(settings, model),
        "icc": model.icc(settings.icc),
        "save": sorted(set(settings.save)),
        "classes": sorted(settings.export.shown(model.classes)),
        "ratios": sorted(settings.ratios),
        "tissue": tissue,
        "roi": content(settings.roi),
        "dicom_codes": content(settings.dicom_codes),
        "tissue_model": None if model.tissue is None else model.tissue.identity,
        "use_gaussian": bool(model.predictor.use_gaussian),
    }


def _mpp(settings: SlideSettings, model: SlideModel) -> float | None:
    with suppress(MissingPixelSizeError):  # which is told when the slide is opened
        return model.mpp(settings.mpp)
    return None


def _content(slide: str, timeout_s: float | None, source: str | None) -> str | None:
    """Return what tells the content of a file, or of a slide's file in a folder; its path if it cannot be read."""
    if source is None:
        return None

    def found() -> Path | None:
        file = file_for(slide, Path(source))
        return file if file.is_file() else None

    with suppress(AnnotationError, OSError):
        file = within(timeout_s, f"{source}: looking for it", found)
        if file is not None:
            return content_hash(file, timeout_s)
    return source
