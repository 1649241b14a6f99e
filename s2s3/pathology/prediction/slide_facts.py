"""What is written down about a slide that is predicted: for people in its state file, and to tell whether bands fit."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from nnunetv2.pathology.prediction.slide_prediction import SlidePrediction
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.prediction.slide_stamp import slide_stamp
from nnunetv2.pathology.slides.rescue import RescuingView
from nnunetv2.pathology.tissue.slide_tissue import TissueMask

_FOLDS_SINGLY = "each fold by itself"


def about_slide(opened: RescuingView, tissue: TissueMask) -> dict[str, Any]:
    """Return the entries of the state file that are known once a slide is open and its tissue looked for."""
    slide, view = opened.slide, opened.view
    grid = view.grid
    return {
        "reader": slide.reader.name,
        "mpp": [slide.mpp.x, slide.mpp.y],
        "mpp_source": slide.mpp.source,
        "icc": slide.colours.icc,
        "origin": list(slide.origin),
        "size": list(slide.size),
        "view": {
            "level": grid.level,
            "downsample": slide.levels[grid.level].downsample,
            "factor": [grid.factor_x, grid.factor_y],
            "width": grid.width,
            "height": grid.height,
            "mpp": list(view.mpp or ()),
        },
        "warnings": [*slide.warnings, *view.warnings, *tissue.warnings],
        "bounds": [*slide.origin, *slide.size] if slide.states_bounds else None,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide the labels, other than the library that reads a slide."""
    return {name: version(name) for name in ("nnunetv2", "torch", "numpy")}


def prediction_plan(
    prediction: SlidePrediction, settings: SlideSettings, normalization: dict[str, Any], about: dict[str, Any]
) -> dict[str, Any]:
    """Return everything that determines the bands of a slide.

    Parameters:
        normalization: mode and values.
        about: the entries of the state file: the slide's path and what `about_slide` returns.
    """
    device = prediction.model.predictor.device.type
    model, layout, kept = prediction.model, prediction.grid.layout, prediction.probabilities
    return {
        "slide": slide_stamp(about["path"], prediction.read_timeout_s),
        "view": about["view"],
        "reader": about["reader"],
        "icc": about["icc"],
        "model": {"hash": model.identity},
        "device": device,
        "gaussian": bool(model.predictor.use_gaussian),
        "versions": about["versions"],
        "mirroring": settings.mirroring,
        "step_size": settings.step_size,
        "batch_size": prediction.batch_size,
        "block_width": layout.block_width,
        "sums": _FOLDS_SINGLY if len(model.networks) > 1 else None,
        "gate": None if prediction.gate is None else prediction.gate.digest(),
        "normalization": normalization,
        "probabilities": None if kept is None else asdict(kept),
    }
