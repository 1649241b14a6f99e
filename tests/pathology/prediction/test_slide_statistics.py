"""The statistics of a slide: those of windows at the model's pixel size, the same in every run."""

import numpy as np
import pytest

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.prediction.slide_statistics import given_statistics, slide_statistics, whole_view_statistics
from nnunetv2.pathology.slides.geometry import Box

PIXELS = np.random.default_rng(0).integers(0, 256, (500, 700, 3), np.uint8)


def read(box: Box) -> np.ndarray:
    return PIXELS[box.y : box.bottom, box.x : box.right]


def everywhere(box: Box) -> bool:
    return True


def test_a_slide_of_one_training_image_has_the_statistics_of_that_image() -> None:
    windows, sure = slide_statistics(700, 500, 1024, read, everywhere, "a")
    whole, _ = whole_view_statistics(700, 500, read)
    assert sure == {"standard_error": {"mean": None, "std": None}, "windows": 1}
    for found in (windows, whole):
        np.testing.assert_allclose(found.mean, PIXELS.reshape(-1, 3).mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.std, PIXELS.reshape(-1, 3).std(axis=0), rtol=1e-10)
        assert (found.low, found.high) == ((0.0,) * 3, (255.0,) * 3)


def test_windows_lie_on_tissue_and_are_the_same_in_every_run() -> None:
    seen: list[Box] = []

    def noted(box: Box) -> np.ndarray:
        seen.append(box)
        return read(box)

    left = slide_statistics(700, 500, 100, noted, lambda box: box.x < 200, "a")
    assert slide_statistics(700, 500, 100, noted, lambda box: box.x < 200, "a") == left
    assert len(seen) == 128
    assert seen[:64] == seen[64:]
    assert all((box.width, box.height) == (100, 100) and box.x <= 150 and box.bottom <= 500 for box in seen)
    assert left[1]["windows"] == 64
    assert all(0 < error < 5 for error in left[1]["standard_error"]["mean"])


def test_fine_texture_keeps_its_deviation_as_windows_are_not_made_smaller() -> None:
    board = (np.indices((500, 700)).sum(axis=0) % 2 * 200).astype(np.uint8)
    pixels = np.repeat(board[..., None], 3, axis=2)
    cut = lambda box: pixels[box.y : box.bottom, box.x : box.right]  # noqa: E731
    found, _ = slide_statistics(700, 500, 64, cut, everywhere, "a")
    assert found.std == pytest.approx((100.0,) * 3)


def test_given_statistics_are_read_or_refused() -> None:
    assert given_statistics("1,2,3/4,5,6").std == (4.0, 5.0, 6.0)
    for text in ("1,2,3", "1,2/3,4", "1,2,3/4,5,0", "1,2,3/4,5,nan", "a,b,c/1,2,3"):
        with pytest.raises(ArgumentError, match="expected values:m1,m2,m3/s1,s2,s3"):
            given_statistics(text)
