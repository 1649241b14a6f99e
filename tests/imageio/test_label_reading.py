from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.imageio.label_reading import read_labels
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO


class Doubling(NaturalImage2DIO):
    def read_seg(self, seg_fname: str) -> tuple[np.ndarray, dict[str, Any]]:
        labels, properties = super().read_seg(seg_fname)
        return labels * 2, properties


def test_labels_of_pictures_stay_bytes(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8)).save(tmp_path / "a.png")
    labels = read_labels(NaturalImage2DIO(), str(tmp_path / "a.png"))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, NaturalImage2DIO().read_seg(str(tmp_path / "a.png"))[0])


def test_a_reader_of_its_own_is_asked(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "a.png")
    assert read_labels(Doubling(), str(tmp_path / "a.png")).tolist() == [[[[0, 2]]]]


@pytest.mark.parametrize("place", ["class", "instance"])
def test_a_replaced_method_of_the_reader_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "a.png")
    reader, nines = NaturalImage2DIO(), (np.full((1, 1, 1, 2), 9), {})
    if place == "class":
        monkeypatch.setattr(NaturalImage2DIO, "read_seg", lambda self, file: nines)
    else:
        monkeypatch.setattr(reader, "read_seg", lambda file: nines)
    assert read_labels(reader, str(tmp_path / "a.png")).tolist() == [[[[9, 9]]]]
