"""Which test images are drawn, and in which colours."""

from pathlib import Path

import numpy as np
from PIL import Image

from nnunetv2.ablation.worst_cases import KEPT, WorstCases, picture_file, shown_colours

LABELS = np.zeros((1, 20, 30), np.uint8)
IMAGE = np.random.default_rng(0).normal(size=(3, 1, 20, 30))


def test_the_images_with_the_lowest_dice_are_drawn_worst_first(tmp_path: Path) -> None:
    (tmp_path / "worst_9.png").write_bytes(b"of an earlier attempt")
    worst = WorstCases({"1": "nuclei"})
    for case, dice in {"a": 0.9, "b": 0.1, "none": None, "c": 0.5, "nan": float("nan"), "d": 0.7}.items():
        prediction = LABELS.copy()
        prediction[0, :10] = 1
        worst.offer(case, dice, IMAGE, LABELS, prediction)
    assert [case for _, case, _ in worst._kept] == ["b", "c", "d"]
    worst.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"worst_{rank + 1}.png" for rank in range(KEPT)]
    with Image.open(picture_file(tmp_path)) as picture:
        assert picture.width > picture.height


def test_an_image_that_preprocessing_gave_another_size_is_left_out(tmp_path: Path) -> None:
    worst = WorstCases({"1": "nuclei"})
    worst.offer("a", 0.1, IMAGE[..., 1:], LABELS, LABELS)
    worst.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_a_volume_the_plane_with_most_errors_is_shown() -> None:
    worst = WorstCases({"1": "nuclei"})
    reference, prediction = np.zeros((2, 4, 5, 6), np.uint8)
    prediction[2] = 1
    prediction[3, 0] = 1
    worst.offer("a", 0.1, np.zeros((1, 4, 5, 6)), reference, prediction)
    (_, _, picture), *_ = worst._kept
    assert picture.plane == 2


def test_channels_of_any_scale_become_colours() -> None:
    ramp = np.linspace(-2, 3, 101)[None]
    colours = shown_colours(np.stack([ramp, -ramp, 7 * ramp + 1]))
    assert colours.shape == (1, 101, 3)
    assert colours.dtype == np.uint8
    assert colours[0, 0].tolist() == [0, 255, 0]
    assert set(colours[0, 50].tolist()) <= {127, 128}
    assert (shown_colours(ramp[None])[..., 1] == colours[..., 0]).all()
    assert not shown_colours(np.ones((2, 3, 3))).any()
