import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from nnunetv2.errors import SettingsError
from nnunetv2.evaluation.accumulate_cv_results import _remove_earlier_results
from nnunetv2.experiment_planning.companion_files import copy_newer_labels
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.imageio.side_files import copy_side_files, side_files_of_label
from nnunetv2.imageio.tif_reader_writer import Tiff3DIO
from nnunetv2.training.validation.final_validation import set_aside_stale_predictions

SPACING = [2.0, 0.5, 0.25]


def write_label(folder: Path, case: str = "a") -> Path:
    folder.mkdir(exist_ok=True)
    Tiff3DIO().write_seg(np.zeros((3, 4, 5), np.uint8), str(folder / f"{case}.tif"), {"spacing": SPACING})
    return folder / f"{case}.tif"


def spacing_of(label: Path) -> list[float]:
    return list(Tiff3DIO().read_seg(str(label))[1]["spacing"])


def test_the_spacing_of_a_tiff_label_is_a_side_file(tmp_path: Path) -> None:
    assert side_files_of_label(Tiff3DIO(), tmp_path / "a.tif") == [tmp_path / "a.json"]
    assert side_files_of_label(NaturalImage2DIO(), tmp_path / "a.png") == []
    assert side_files_of_label(object(), tmp_path / "a.own") == []


def test_references_are_copied_with_their_spacing_which_follows_changes(tmp_path: Path) -> None:
    source, copies = write_label(tmp_path / "labelsTr"), tmp_path / "gt_segmentations"

    def copy() -> None:
        copy_newer_labels({"a": {"images": [], "label": str(source)}}, copies, ".tif", Tiff3DIO())

    copy()
    assert spacing_of(copies / "a.tif") == SPACING
    source.with_suffix(".json").write_text(json.dumps({"spacing": [1, 2, 3]}))
    copy()
    assert spacing_of(copies / "a.tif") == [1, 2, 3]
    source.with_suffix(".json").unlink()
    copy()
    assert [path.name for path in copies.iterdir()] == ["a.tif"]


def test_predictions_that_are_set_aside_take_their_spacing_along(tmp_path: Path) -> None:
    for case in "ab":
        write_label(tmp_path / "validation", case)
    set_aside_stale_predictions(tmp_path / "validation", ["a"], ".tif", Tiff3DIO(), lambda _: None)
    assert sorted(path.name for path in (tmp_path / "validation").iterdir()) == ["a.json", "a.tif", "stale"]
    assert spacing_of(tmp_path / "validation" / "stale" / "b.tif") == SPACING


def test_earlier_results_of_a_cross_validation_may_have_side_files_but_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "merged"
    write_label(folder)
    for name in ("dataset.json", "plans.json"):
        (folder / name).write_text("{}")
    (folder / "b.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"it contains b\.json"):
        _remove_earlier_results(folder, ".tif", Tiff3DIO())
    (folder / "b.json").unlink()
    _remove_earlier_results(folder, ".tif", Tiff3DIO())
    assert not folder.exists()


def test_a_label_without_side_file_is_copied_without(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 4, 5), np.uint8), photometric="minisblack")
    copy_side_files(Tiff3DIO(), tmp_path / "a.tif", tmp_path / "b.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
