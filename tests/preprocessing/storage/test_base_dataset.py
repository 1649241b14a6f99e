import datetime
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from nnunetv2.errors import CheckpointError, WrongShapeError
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO, NibabelIOWithReorient
from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO, SimpleITKIOWithReorient
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.storage.base_dataset import read_properties, write_properties
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.preprocessing.storage.numpy_dataset import nnUNetDatasetNumpy
from tests.preprocessing.factories import managers, plans


def test_properties_are_read_as_written(tmp_path: Path) -> None:
    properties = {"spacing": (999, 1, 1), "class_locations": {1: np.arange(8).reshape(2, 4), (1, 2): []}}
    write_properties(properties, tmp_path / "a.pkl")
    np.testing.assert_equal(read_properties(tmp_path / "a.pkl"), properties)


@pytest.mark.parametrize("reader", [SimpleITKIO, SimpleITKIOWithReorient, NibabelIO, NibabelIOWithReorient])
def test_properties_of_all_readers_count_as_safe(tmp_path: Path, reader: type) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((5, 6, 7), np.float32)), str(tmp_path / "a.nii.gz"))
    content = plans((1.0, 1.0, 1.0), ["ZScoreNormalization"], reader.__name__)
    dataset_json = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "all": [1, 2], "core": 1}}
    dataset_json["regions_class_order"] = [2, 1]
    files = [str(tmp_path / "a.nii.gz")], str(tmp_path / "a.nii.gz")
    _, _, properties = DefaultPreprocessor().run_case(*files, *managers(content), dataset_json)
    write_properties(properties, tmp_path / "a.pkl")
    np.testing.assert_equal(read_properties(tmp_path / "a.pkl"), properties)


@pytest.mark.parametrize("kept", [0, 10, 60])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    write_properties({"spacing": (999, 1, 1), "class_locations": {1: np.arange(8)}}, tmp_path / "a.pkl")
    (tmp_path / "a.pkl").write_bytes((tmp_path / "a.pkl").read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"a\.pkl: damaged"):
        read_properties(tmp_path / "a.pkl")


def test_other_classes_are_loaded_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    properties = {"acquired": datetime.date(2020, 2, 3)}
    write_properties(properties, tmp_path / "a.pkl")
    with pytest.raises(CheckpointError, match=r"a\.pkl: refers to datetime\.date, .* nnUNet_unsafe_checkpoints=1"):
        read_properties(tmp_path / "a.pkl")
    monkeypatch.setenv("nnUNet_unsafe_checkpoints", "1")
    assert read_properties(tmp_path / "a.pkl") == properties


@pytest.mark.parametrize("content", [[1, 2], None, ([], [])])
def test_a_file_without_properties_is_refused(content: object, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match=r"a\.pkl: holds .*; expected the properties of a case"):
        read_properties(tmp_path / "a.pkl")


@pytest.mark.parametrize("dataset_class", [nnUNetDatasetBlosc2, nnUNetDatasetNumpy])
def test_arrays_of_a_case_cover_the_same_voxels(dataset_class: Any, tmp_path: Path) -> None:
    shapes = {"chunks": (1, 1, 4, 5), "blocks": (1, 1, 4, 5)} if dataset_class is nnUNetDatasetBlosc2 else {}
    data, labels = np.zeros((2, 1, 4, 5), np.float32), np.zeros((1, 1, 4, 5), np.int16)
    stage = tmp_path / "stage"
    stage.mkdir()
    dataset_class.save_case(data, labels, {}, str(tmp_path / "good"), **shapes)
    dataset_class.save_case(data, np.zeros((1, 1, 4, 6), np.int16), {}, str(tmp_path / "bad"), **shapes)
    dataset_class.save_seg(labels[0, :, :3], str(stage / "good"))
    with pytest.raises(WrongShapeError, match=r"bad: data of shape .* labels of shape"):
        dataset_class(str(tmp_path)).load_case("bad")
    assert dataset_class(str(tmp_path)).load_case("good")[2] is None
    with pytest.raises(WrongShapeError, match=r"stage: the previous stage's labels of good have shape \(1, 3, 5\)"):
        dataset_class(str(tmp_path), None, str(stage)).load_case("good")
