"""Figures can be drawn with any numbers missing; smoothing changes only long curves."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from nnunetv2.reporting.case_files import CasePicture
from nnunetv2.reporting.case_overlay import overlay_figure
from nnunetv2.reporting.figures import _smooth, curves_figure
from tests.reporting.model_folder import labels, training_curves


def picture_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("epochs", [1, 2, 300])
@pytest.mark.parametrize("domains", [True, False])
def test_curves_of_any_length_are_drawn(epochs: int, domains: bool) -> None:
    picture = picture_of(curves_figure(training_curves(domains, epochs)))

    assert picture.shape[1] > 2 * picture.shape[0]
    blue = np.abs(picture.astype(int) - (0, 114, 178)).max(axis=2) < 20
    assert blue[:, : picture.shape[1] // 2].any()
    assert blue[:, picture.shape[1] // 2 :].any()


def test_curves_without_any_number_give_empty_axes() -> None:
    content = training_curves(epochs=3)
    for name in ("train_losses", "val_losses", "balanced_dice"):
        content[name] = [None] * 3
    content["domains"] = {"A": {"dice": [None] * 3}}

    assert picture_of(curves_figure(content)).std() > 0


def test_short_curves_are_drawn_unchanged_and_long_ones_smoothed() -> None:
    assert _smooth([1.0, 5.0, 2.0]) == [1.0, 5.0, 2.0]
    noisy = [float(i % 2) for i in range(400)]
    assert np.std(_smooth(noisy)[10:-10]) < 0.1
    assert math.isnan(_smooth([math.nan] * 200)[100])


@pytest.mark.parametrize("shape", [(40, 48), (3000, 400), (100, 1500)])
def test_overlays_fit_the_page_whatever_the_size(shape: tuple[int, int]) -> None:
    mask = np.zeros(shape, np.uint8)
    mask[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = 2
    picture = CasePicture(np.full((*shape, 3), 200, np.uint8), mask, mask, None)

    png = picture_of(overlay_figure(picture, {"2": "stroma", "(1, 2)": "both"}))

    assert 500 < png.shape[1] < 1600
    assert png.shape[0] < 1200
    assert (np.abs(png.astype(int) - (255, 213, 0)).max(axis=2) < 12).any()


def test_an_absent_class_and_one_that_fills_the_image_have_no_outline() -> None:
    picture = CasePicture(np.full((40, 48, 3), 200, np.uint8), labels() * 0, labels() * 0, None)

    png = picture_of(overlay_figure(picture, {"0": "all of it", "1": "nothing"})).astype(int)

    assert not (np.abs(png - (255, 213, 0)).max(axis=2) < 30).any()
