"""Which statistics normalise a slide, by the mode that was asked for, and what its state file says of them."""

from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_normalisation import ChannelStatistics
from nnunetv2.pathology.prediction.slide_settings import VALUES, WINDOW
from nnunetv2.pathology.prediction.slide_statistics import (
    IsTissue,
    ReadView,
    given_statistics,
    slide_statistics,
    whole_view_statistics,
)


def chosen_statistics(
    model: SlideModel, mode: str, size: tuple[int, int], read: ReadView, is_tissue: IsTissue, name: str
) -> tuple[ChannelStatistics | None, dict[str, Any]]:
    """Return the statistics, None if the model needs none, and the entry `normalization` of the state file.

    Parameters:
        mode: as in SlideSettings.
        size: width and height of the view.
        is_tissue: whether a box of one pixel is tissue.
        name: of the slide.
    """
    if not model.normalisation.needs_statistics:
        return None, {"mode": "pixel by pixel"}
    found, more = _measured(model, mode, size, read, is_tissue, name)
    return found, {"mode": mode, "mean": list(found.mean), "std": list(found.std), **more}


def window_px(model: SlideModel, mode: str) -> int | None:
    """Return the edge of the windows around tiles that give their statistics; None in the modes without."""
    return model.training_window_px if mode == WINDOW else None


def training_colours(model: SlideModel) -> dict[str, Any]:
    """Return the entry of the state file with which the report tells whether a slide looks unusual."""
    try:
        found = model.dataset_statistics
    except SettingsError:  # plans without intensities
        return {}
    return {"training": {"mean": list(found.mean), "std": list(found.std)}}


def _measured(
    model: SlideModel, mode: str, size: tuple[int, int], read: ReadView, is_tissue: IsTissue, name: str
) -> tuple[ChannelStatistics, dict[str, Any]]:
    if mode.startswith(VALUES):
        return given_statistics(mode.removeprefix(VALUES)), {}
    if mode == "dataset":
        return model.dataset_statistics, {}
    if mode == "image":
        return whole_view_statistics(*size, read)
    found, more = slide_statistics(*size, model.training_window_px, read, is_tissue, name)
    return found, {**more, "window_px": model.training_window_px} if mode == WINDOW else more
