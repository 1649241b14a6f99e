"""Areas that outlines would not show are left out before they are drawn, and nothing else changes."""

from collections import Counter

import numpy as np
import pytest
import shapely

from nnunetv2.pathology.annotations.outline_cleanup import OutlineSettings, cleaned
from nnunetv2.pathology.annotations.specks import only_labels, without_specks
from nnunetv2.pathology.annotations.stitching import outlines_of_image
from tests.pathology.annotations.label_maps import blobs


def shown(labels: np.ndarray, min_area: float, block: int, *, specks: bool) -> Counter[tuple[int, str]]:
    """Return label and outline of each area that is shown, and how often it is."""

    def read(top: int, left: int, height: int, width: int) -> np.ndarray:
        window = labels[top : top + height, left : left + width]
        return window if specks else without_specks(window, min_area)

    cleanup = OutlineSettings(simplify_px=0.7, min_area_px=min_area)
    found = (
        (outline.label, cleaned(outline.polygon, cleanup)) for outline in outlines_of_image(read, *labels.shape, block)
    )
    return Counter((label, shapely.normalize(polygon).wkt) for label, polygon in found if polygon is not None)


@pytest.mark.parametrize("min_area", [0.0, 1.0, 2.5, 10.0])
@pytest.mark.parametrize("block", [16, 100])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_shown_is_the_same_without_specks(seed: int, block: int, min_area: float) -> None:
    noise = np.random.default_rng(seed).integers(0, 3, (50, 70)).astype(np.uint8)
    labels = np.where(np.random.default_rng(seed).random((50, 70)) < 0.3, noise, blobs(50, 70, seed)).astype(np.uint8)
    expected = shown(labels, min_area, block, specks=True)
    assert expected
    assert shown(labels, min_area, block, specks=False) == expected


def test_small_areas_inside_a_window_become_background_and_those_at_its_border_stay() -> None:
    labels = np.array(
        [
            [0, 0, 0, 0, 0, 3],
            [0, 1, 1, 1, 1, 0],
            [2, 1, 2, 2, 1, 0],
            [2, 1, 1, 3, 1, 0],
            [0, 1, 1, 1, 1, 0],
            [0, 0, 0, 0, 0, 0],
        ],
        np.uint16,
    )
    expected = labels.copy()
    expected[2, 2:4] = expected[3, 3] = 0
    found = without_specks(labels, 3)
    assert (found.tolist(), found.dtype) == (expected.tolist(), labels.dtype)
    assert without_specks(labels, 14).tolist() == np.where(np.isin(labels, [1]) | (expected == 0), 0, labels).tolist()
    assert labels[2, 2] == 2, "the window itself stays as it was"


def test_labels_that_are_not_shown_become_background() -> None:
    assert only_labels(np.array([[0, 1], [2, 3]], np.uint8), {1: "a", 3: "b"}).tolist() == [[0, 1], [0, 3]]
