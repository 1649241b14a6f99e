"""The micrometres per pixel that a model was trained at; never guessed, since a wrong scale fails in silence."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from nnunetv2.errors import MissingPixelSizeError, SettingsError
from nnunetv2.pathology.slides.model_entry import ENTRY, slide_entry
from nnunetv2.pathology.slides.pixel_size import LARGEST_UM, SMALLEST_UM, is_plausible


def model_mpp(
    model_folder: str | os.PathLike[str],
    dataset_json: Mapping[str, Any],
    spacing: Sequence[float],
    given: float | None = None,
) -> float:
    """Return the micrometres per pixel at which a model sees slides: as given, else as its dataset.json states.

    Parameters:
        spacing: of the configuration, shown as a hint; (1, 1) and 999 stand for images without a physical size.
        given: by the user.

    Raises SettingsError for a size that is not plausible, MissingPixelSizeError without any.
    """
    if given is not None:
        return _plausible(given, "--mpp")
    size = slide_entry(dataset_json, "mpp")
    if size is None:
        hint = [float(value) for value in spacing]
        raise MissingPixelSizeError(
            f"model {os.fspath(model_folder)} does not state the pixel size it was trained at. Pass --mpp, for example"
            f" --mpp 0.5; its plans have the spacing {hint}"
        )
    return _plausible(size, f"{os.path.join(model_folder, 'dataset.json')}: {ENTRY}.mpp")


def _plausible(size: Any, source: str) -> float:
    is_number = isinstance(size, int | float) and not isinstance(size, bool)
    if not is_number or not is_plausible(float(size)):
        raise SettingsError(
            f"{source} is {size!r}, expected {SMALLEST_UM:g} to {LARGEST_UM:g} micrometres per pixel, for example 0.5"
        )
    return float(size)
