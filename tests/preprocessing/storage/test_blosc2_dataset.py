import pickle
from pathlib import Path

import blosc2
import numpy as np
import pytest

from nnunetv2.preprocessing.storage.blosc2_dataset import choose_filter, nnUNetDatasetBlosc2

RANDOM = np.random.default_rng(0)
DATA = RANDOM.normal(size=(2, 1, 40, 30)).astype(np.float32)
SEG = RANDOM.integers(-1, 3, (1, 1, 40, 30)).astype(np.int16)
PROPERTIES = {"spacing": (999, 1, 1), "class_locations": {1: np.arange(8).reshape(2, 4)}}
SHAPES = {"chunks": (1, 1, 40, 30), "blocks": (1, 1, 16, 16)}


def save(folder: Path, case: str, **changes: object) -> None:
    nnUNetDatasetBlosc2.save_case(DATA, SEG, PROPERTIES, str(folder / case), **{**SHAPES, **changes})


def test_a_case_is_read_as_written(tmp_path: Path) -> None:
    save(tmp_path, "a")

    data, seg, seg_prev, properties = nnUNetDatasetBlosc2(str(tmp_path))["a"]

    assert (data.dtype, seg.dtype, seg_prev) == (np.float32, np.int16, None)
    np.testing.assert_array_equal(data[:], DATA)
    np.testing.assert_array_equal(seg[:, :, 3:9, 5:20], SEG[:, :, 3:9, 5:20])
    assert properties["spacing"] == PROPERTIES["spacing"]
    np.testing.assert_array_equal(properties["class_locations"][1], PROPERTIES["class_locations"][1])


def test_there_are_three_files_and_the_arrays_are_lazy(tmp_path: Path) -> None:
    save(tmp_path, "a")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.b2nd", "a.pkl", "a_seg.b2nd"]
    assert isinstance(nnUNetDatasetBlosc2(str(tmp_path)).load_case("a")[0], blosc2.NDArray)


def test_existing_files_are_replaced(tmp_path: Path) -> None:
    save(tmp_path, "a")
    nnUNetDatasetBlosc2.save_case(DATA + 1, SEG, PROPERTIES, str(tmp_path / "a"), **SHAPES)
    np.testing.assert_array_equal(nnUNetDatasetBlosc2(str(tmp_path))["a"][0][:], DATA + 1)


def test_arrays_in_any_memory_layout_are_written(tmp_path: Path) -> None:
    interleaved = np.ascontiguousarray(DATA.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    nnUNetDatasetBlosc2.save_case(interleaved, SEG, PROPERTIES, str(tmp_path / "a"), **SHAPES)
    np.testing.assert_array_equal(nnUNetDatasetBlosc2(str(tmp_path))["a"][0][:], DATA)


def test_by_default_the_shapes_are_those_for_large_patches(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no chunks and blocks given"):
        nnUNetDatasetBlosc2.save_case(DATA, SEG, PROPERTIES, str(tmp_path / "a"))
    assert nnUNetDatasetBlosc2(str(tmp_path))["a"][0].chunks == (1, 1, 40, 30)


def test_a_failing_write_leaves_no_file_and_names_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(array: np.ndarray, urlpath: str, **_: object) -> None:
        Path(urlpath).write_bytes(b"half of it")
        raise RuntimeError("Error while creating the NDArray")

    monkeypatch.setattr(blosc2, "asarray", fail)
    with pytest.raises(OSError, match=r"error: Error while creating the NDArray; .* MB are free on") as caught:
        save(tmp_path, "a")
    assert caught.value.filename == str(tmp_path / "a.b2nd")
    assert not list(tmp_path.iterdir())


def test_the_prediction_of_the_previous_stage_is_returned(tmp_path: Path) -> None:
    previous = tmp_path / "previous"
    previous.mkdir()
    save(tmp_path, "a")
    prediction = RANDOM.integers(0, 3, (1, 40, 30)).astype(np.uint8)
    nnUNetDatasetBlosc2.save_seg(prediction, str(previous / "a"), chunks_seg=(1, 40, 30), blocks_seg=(1, 16, 16))
    nnUNetDatasetBlosc2.save_seg(prediction, str(previous / "a"))

    dataset = nnUNetDatasetBlosc2(str(tmp_path), folder_with_segs_from_previous_stage=str(previous))

    assert dataset["a"][2].shape == (1, 40, 30)
    np.testing.assert_array_equal(dataset["a"][2][:], prediction)


def test_a_missing_case_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        nnUNetDatasetBlosc2(str(tmp_path)).load_case("a")


def test_identifiers_have_a_data_file_and_are_sorted_in_place(tmp_path: Path) -> None:
    for case in ("b", "a"):
        save(tmp_path, case)
    (tmp_path / ".c.partial.b2nd").touch()
    wanted = ["b", "a"]
    assert nnUNetDatasetBlosc2(str(tmp_path)).identifiers == ["a", "b"]
    assert nnUNetDatasetBlosc2(str(tmp_path), wanted).identifiers is wanted
    assert wanted == ["a", "b"]


def test_8_bit_images_are_stored_whole_and_interpolated_ones_by_bytes() -> None:
    image = RANDOM.integers(0, 256, (3, 1, 64, 64)).astype(np.float32)
    assert choose_filter((image - 128.3) / 51.2) == blosc2.Filter.NOFILTER
    assert choose_filter(RANDOM.normal(size=(3, 1, 64, 64)).astype(np.float32)) == blosc2.Filter.SHUFFLE
    assert choose_filter(np.zeros((1, 1, 1, 1), np.int16)) == blosc2.Filter.SHUFFLE


def test_files_of_older_releases_are_read(tmp_path: Path) -> None:
    settings = {"codec": blosc2.Codec.ZSTD, "clevel": 8}
    blosc2.asarray(DATA, chunks=(2, 1, 40, 30), blocks=(2, 1, 8, 8), cparams=settings, urlpath=str(tmp_path / "a.b2nd"))
    blosc2.asarray(SEG, cparams=settings, urlpath=str(tmp_path / "a_seg.b2nd"))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(PROPERTIES))

    data, seg, _, _ = nnUNetDatasetBlosc2(str(tmp_path))["a"]

    np.testing.assert_array_equal(data[:], DATA)
    np.testing.assert_array_equal(seg[:], SEG)
