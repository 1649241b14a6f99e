import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import CheckpointError, InvalidOutputError, MissingFileError
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.postprocessing.remove_connected_components import (
    apply_postprocessing,
    apply_postprocessing_to_folder,
    determine_postprocessing,
    entry_point_apply_postprocessing,
    entry_point_determine_postprocessing_folder,
    load_postprocessing,
)
from nnunetv2.postprocessing.remove_connected_components import (
    remove_all_but_largest_component_from_segmentation as keep_largest,
)
from tests.factories.plans import make_dataset_json, make_plans


def test_components_connect_at_corners_and_equally_large_ones_are_kept() -> None:
    volume = np.zeros((3, 5, 5), int)
    for voxel in [(0, 0, 0), (1, 1, 1), (2, 4, 4), (2, 4, 3)]:
        volume[voxel] = 1
    np.testing.assert_array_equal(keep_largest(volume, 1), volume)
    volume[0, 0, 1] = 1
    kept = keep_largest(volume, 1)
    assert kept[2].sum() == 0
    assert kept.sum() == 3
    assert volume.sum() == 5


def test_a_plane_is_filtered_too() -> None:
    plane = np.zeros((1, 6, 6), int)
    plane[0, :3, :3] = 1
    plane[0, 5, 5] = 1
    assert keep_largest(plane, 1)[0, 5, 5] == 0
    assert keep_largest(plane, 1, background_label=7)[0, 5, 5] == 7


def test_several_labels_count_as_one_object() -> None:
    row = np.array([[[1, 2, 0, 2, 2, 0, 3, 3, 3, 3]]])
    assert keep_largest(row, [1, 2]).tolist() == [[[1, 2, 0, 2, 2, 0, 3, 3, 3, 3]]]
    assert keep_largest(row, (1, 2)).tolist() == [[[1, 2, 0, 2, 2, 0, 3, 3, 3, 3]]]
    assert keep_largest(row, [(1, 2), 3]).tolist() == [[[0, 0, 0, 0, 0, 0, 3, 3, 3, 3]]]
    assert keep_largest(row, 2).tolist() == [[[1, 0, 0, 2, 2, 0, 3, 3, 3, 3]]]


def test_without_the_label_nothing_changes() -> None:
    row = np.array([[[0, 2, 0]]])
    np.testing.assert_array_equal(keep_largest(row, 1), row)


def test_functions_are_applied_in_order() -> None:
    row = np.array([[[1, 0, 2, 2]]])
    functions, arguments = [keep_largest, keep_largest], [{"labels_or_regions": [1, 2]}, {"labels_or_regions": 1}]
    assert apply_postprocessing(row, functions, arguments).tolist() == [[[0, 0, 2, 2]]]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Predictions with a stray pixel of label 1; label 2 consists of two equal parts, rightly."""
    reference = np.zeros((12, 12), np.uint8)
    reference[1:5, 1:5] = 1
    reference[8, 1:4], reference[8, 8:11] = 2, 2
    predicted = reference.copy()
    predicted[11, 11] = 1
    for folder, picture in (("gt", reference), ("pred", predicted)):
        (tmp_path / folder).mkdir()
        for case in "ab":
            Image.fromarray(picture).save(tmp_path / folder / f"{case}.png")
    write_json(make_dataset_json(".png", 3), tmp_path / "pred" / "dataset.json")
    write_json(make_plans([8, 8], [1.0, 1.0], ".png", 3), tmp_path / "pred" / "plans.json")
    return tmp_path / "pred"


def test_a_filter_is_chosen_only_where_it_helps(predictions: Path) -> None:
    functions, arguments = determine_postprocessing(predictions, predictions.parent / "gt", None, None, 0)
    assert functions == [keep_largest]
    assert arguments == [{"labels_or_regions": 1}]
    content = read_json(predictions / "postprocessing.json")
    assert content["postprocessing_fns"] == ["remove_all_but_largest_component_from_segmentation"]
    assert content["postprocessing_kwargs"] == arguments
    assert content["input_folder"]["mean"]["1"]["Dice"] == 32 / 33
    assert content["postprocessed"]["mean"]["1"]["Dice"] == 1
    with Image.open(predictions / "postprocessed" / "a.png") as picture:
        assert np.array(picture)[11, 11] == 0
    kept = {path.name for path in (predictions / "postprocessed").iterdir()}
    assert {"a.png", "b.png", "summary.json", "plans.json", "dataset.json"} <= kept
    assert not [path for path in predictions.iterdir() if path.name.startswith(".")]


def test_if_no_filter_helps_none_is_applied(predictions: Path) -> None:
    for case in "ab":
        (predictions / f"{case}.png").write_bytes((predictions.parent / "gt" / f"{case}.png").read_bytes())
    determined = determine_postprocessing(
        predictions, predictions.parent / "gt", None, None, 0, keep_postprocessed_files=False
    )
    assert determined == ([], [])
    assert pickle.loads((predictions / "postprocessing.pkl").read_bytes()) == ([], [])
    assert not (predictions / "postprocessed").exists()


def test_a_summary_of_other_classes_is_recomputed(predictions: Path) -> None:
    write_json(
        {"mean": {"7": {"Dice": 1}}, "foreground_mean": {"Dice": 1}, "metric_per_case": []},
        predictions / "summary.json",
    )
    _, arguments = determine_postprocessing(predictions, predictions.parent / "gt", None, None, 0)
    assert arguments == [{"labels_or_regions": 1}]


def test_a_summary_of_earlier_predictions_or_references_does_not_decide(predictions: Path) -> None:
    references = predictions.parent / "gt"
    determine_postprocessing(predictions, references, None, None, 0)
    first = (predictions / "summary.json").read_bytes()
    determine_postprocessing(predictions, references, None, None, 0)
    assert (predictions / "summary.json").read_bytes() == first
    for case in "ab":
        shutil.copy(predictions / f"{case}.png", references)
    _, arguments = determine_postprocessing(predictions, references, None, None, 0)
    assert arguments == []
    assert read_json(predictions / "summary.json")["foreground_mean"]["Dice"] == 1


def test_the_commands_determine_and_apply(predictions: Path, tmp_path: Path, run_command, capsys) -> None:
    run_command(entry_point_determine_postprocessing_folder, "-np", 0, "-i", predictions, "-ref", tmp_path / "gt")
    pkl = predictions / "postprocessing.pkl"
    run_command(
        entry_point_apply_postprocessing, "-np", 0, "-i", predictions, "-o", tmp_path / "out", "-pp_pkl_file", pkl
    )
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.png", "b.png", "dataset.json", "plans.json"]
    for case in "ab":
        kept, applied = (Image.open(f / f"{case}.png") for f in (predictions / "postprocessed", tmp_path / "out"))
        with kept, applied:
            np.testing.assert_array_equal(np.array(applied), np.array(kept))
    run_command(
        entry_point_determine_postprocessing_folder,
        "-np",
        0,
        "-i",
        tmp_path / "no",
        "-ref",
        tmp_path / "gt",
        exit_code=2,
    )
    assert "no/plans.json" in capsys.readouterr().err


def test_the_commands_change_neither_predictions_nor_references(predictions: Path, run_command, capsys) -> None:
    references, pkl = predictions.parent / "gt", predictions / "postprocessing.pkl"
    run_command(entry_point_determine_postprocessing_folder, "-np", 0, "-i", predictions, "-ref", references)
    before = (predictions / "a.png").read_bytes(), (references / "a.png").read_bytes()
    capsys.readouterr()
    for entry_point, arguments in (
        (entry_point_apply_postprocessing, ("-i", predictions, "-o", predictions / ".", "-pp_pkl_file", pkl)),
        (entry_point_determine_postprocessing_folder, ("-i", references, "-ref", references)),
    ):
        run_command(entry_point, "-np", 0, *arguments, exit_code=2)
        assert "results need a folder of their own" in capsys.readouterr().err
    assert ((predictions / "a.png").read_bytes(), (references / "a.png").read_bytes()) == before


def test_a_result_replaces_a_link_and_not_what_it_leads_to(predictions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").symlink_to(predictions / "a.png")
    os.link(predictions / "b.png", out / "b.png")
    shutil.copy(predictions / "plans.json", out)
    before = [(predictions / f"{case}.png").read_bytes() for case in "ab"]

    apply_postprocessing_to_folder(predictions, out, [keep_largest], [{"labels_or_regions": 1}], num_processes=0)
    assert [(predictions / f"{case}.png").read_bytes() for case in "ab"] == before
    assert [(out / f"{case}.png").read_bytes() for case in "ab"] != before


def test_files_of_a_folder_without_results_are_not_replaced(predictions: Path, tmp_path: Path) -> None:
    masks = tmp_path / "gt"
    before = [(masks / f"{case}.png").read_bytes() for case in "ab"]

    with pytest.raises(InvalidOutputError, match=r"gt holds 2 file\(s\) with names of results"):
        apply_postprocessing_to_folder(predictions, masks, [keep_largest], [{"labels_or_regions": 1}], num_processes=0)
    assert sorted(file.name for file in masks.iterdir()) == ["a.png", "b.png"]
    assert [(masks / f"{case}.png").read_bytes() for case in "ab"] == before


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: str):
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.target, "w")


def test_a_postprocessing_file_cannot_run_code(tmp_path: Path) -> None:
    (tmp_path / "pp.pkl").write_bytes(pickle.dumps(([Bomb(str(tmp_path / "written"))], [{}])))
    with pytest.raises(CheckpointError, match="open"):
        load_postprocessing(tmp_path / "pp.pkl")
    assert not (tmp_path / "written").exists()


def test_a_missing_postprocessing_file_is_named_with_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"absent\.pkl not found; nnUNetv2_find_best_configuration"):
        load_postprocessing(tmp_path / "absent.pkl")


def test_numpy_numbers_in_a_stock_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "pp.pkl").write_bytes(pickle.dumps(([keep_largest], [{"labels_or_regions": [np.int64(1)]}])))
    assert load_postprocessing(tmp_path / "pp.pkl") == ([keep_largest], [{"labels_or_regions": [1]}])


def test_a_folder_without_segmentations_is_named(predictions: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    description = (predictions / "plans.json", predictions / "dataset.json")
    with pytest.raises(MissingFileError, match="empty"):
        apply_postprocessing_to_folder(tmp_path / "empty", tmp_path / "out", [], [], *description)


def test_references_without_a_prediction_are_named(predictions: Path, caplog: pytest.LogCaptureFixture) -> None:
    (predictions / "b.png").unlink()

    determine_postprocessing(predictions, predictions.parent / "gt", None, None, 0)
    assert "1 reference(s) have no prediction" in caplog.text
    assert "b.png" in caplog.text
