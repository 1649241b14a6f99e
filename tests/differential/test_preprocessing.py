"""Preprocessing compared with that of nnU-Net 2.8.1."""

import json
import os
import pickle
import secrets
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.preprocessing.storage.numpy_dataset import nnUNetDatasetNumpy
from nnunetv2.training.dataloading.utils import unpack_dataset
from tests.conftest import NnunetFolders, make_folders
from tests.differential.array_jobs import PREPROCESS_ARRAYS, random_arrays
from tests.differential.oracle import run_oracle, run_ours
from tests.differential.preprocessing_jobs import CASES, KINDS, RUN_JOBS, Call, is_same, results_of, write_dataset
from tests.preprocessing.factories import DATASET_JSON, NAME, plans, write_tiles

SEED = int(os.environ.get("DRIFT_TEST_SEED", secrets.randbelow(10**6)))
"""New in each run, printed by the tests; DRIFT_TEST_SEED repeats a run."""

DEFAULT_RESAMPLING = "preprocessing.resampling.default_resampling"
TORCH_RESAMPLING = "preprocessing.resampling.resample_torch"
DATASET_CLASS = "training.dataloading.nnunet_dataset"
NORMALISED_TOLERANCE = 1e-6


@pytest.fixture
def random() -> np.random.Generator:
    print(f"DRIFT_TEST_SEED={SEED}")  # noqa: T201
    return np.random.default_rng(SEED)


@pytest.fixture(scope="module")
def preprocessed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `stock` and `ours`, with one folder per kind of dataset."""
    root = tmp_path_factory.mktemp("preprocessing")
    random = np.random.default_rng(SEED)
    jobs = {name: write_dataset(kind, root / name, random) for name, kind in KINDS.items()}
    for side, run in (("stock", run_oracle), ("ours", run_ours)):
        listed = []
        for name, cases in jobs.items():
            (root / side / name).mkdir(parents=True)
            listed += [astuple(replace(job, output=str(root / side / name / job.output))) for job in cases]
        (root / f"{side}.json").write_text(json.dumps(listed))
        run(RUN_JOBS, root / f"{side}.json")
    return root


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_a_case_becomes_the_same_arrays_and_properties(preprocessed: Path, kind: str, case: str) -> None:
    print(f"DRIFT_TEST_SEED={SEED}")  # noqa: T201
    folders = [preprocessed / side / kind for side in ("stock", "ours")]
    assert sorted(os.listdir(folders[0])) == sorted(os.listdir(folders[1]))
    (data, seg, _, properties), (our_data, our_seg, _, our_properties) = (
        nnUNetDatasetBlosc2(str(folder))[case] for folder in folders
    )
    assert (our_data.dtype, our_seg.dtype) == (data.dtype, seg.dtype)
    assert is_same(our_seg[:], seg[:])
    assert is_same(without_our_key(our_properties), properties)
    if data.shape[1:] == properties["shape_after_cropping_and_before_resampling"]:
        np.testing.assert_array_equal(our_data[:], data[:])
    else:
        np.testing.assert_allclose(our_data[:], data[:], rtol=NORMALISED_TOLERANCE, atol=NORMALISED_TOLERANCE)


def resampling_calls(random: np.random.Generator, count: int) -> list[Call]:
    """Return calls of the default and torch functions, with random shapes, spacings and types of images and labels."""
    calls: list[Call] = []
    for _ in range(count):
        shape, target = random.integers(1, 14, 3), random.integers(1, 20, 3)
        spacings = [random.choice([0.5, 1, 1.5, 5, 8], 3) for _ in range(2)]
        image = (random.normal(size=(2, *shape)) * 10).astype(np.float32)
        labels = random.integers(-1, 5, (1, *shape)).astype(random.choice([np.float32, np.int8, np.int16]))
        force = [None, True, False][random.integers(3)]
        for data, order in ((image, 3), (image, 1), (labels, 1)):
            options = {"is_seg": data is labels, "force_separate_z": force}
            arguments = (data, target, *spacings)
            calls.append((DEFAULT_RESAMPLING, "resample_data_or_seg_to_shape", arguments, {**options, "order": order}))
        calls.append((TORCH_RESAMPLING, "resample_torch_fornnunet", (image, target, *spacings), {}))
        for saves_memory in (False, True):
            options = {"is_seg": True, "force_separate_z": force, "memefficient_seg_resampling": saves_memory}
            calls.append((TORCH_RESAMPLING, "resample_torch_fornnunet", (labels, target, *spacings), options))
        calls.append((DEFAULT_RESAMPLING, "compute_new_shape", (shape, *spacings), {}))
        calls.append((DEFAULT_RESAMPLING, "determine_do_sep_z_and_axis", (force, *spacings), {}))
    return calls


def test_resampling_gives_the_same_for_random_shapes_and_spacings(tmp_path: Path, random: np.random.Generator) -> None:
    calls = resampling_calls(random, 40)
    stock, ours = (results_of(run, calls, tmp_path) for run in (run_oracle, run_ours))
    for call, expected, got in zip(calls, stock, ours, strict=True):
        if call[0] == DEFAULT_RESAMPLING and call[3].get("is_seg") is False:
            assert got.dtype == expected.dtype
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-5, err_msg=str(call[1:]))
        else:
            assert is_same(got, expected), call


def test_blocks_and_chunks_are_the_same_for_random_sizes(tmp_path: Path, random: np.random.Generator) -> None:
    calls: list[Call] = []
    for _ in range(3000):
        image = random.integers(1, random.choice([5, 70, 700]), 4).tolist()
        patch = random.integers(1, random.choice([5, 70, 400]), random.integers(2, 4)).tolist()
        options: dict[str, Any] = {"bytes_per_pixel": int(random.choice([1, 2, 4]))}
        if random.random() < 0.3:
            options["max_block_nbytes"] = int(random.integers(8, 200000))
            options["max_chunk_to_patch_ratio_per_axis"] = [None, 1, 1.2, 3.7][random.integers(4)]
            options["grow_singleton_patch_axes"] = bool(random.integers(2))
        calls.append((DATASET_CLASS, "comp_blosc2_params", (image, patch), options))
    stock, ours = (results_of(run, calls, tmp_path) for run in (run_oracle, run_ours))
    assert ours == stock


def test_locations_are_the_same_for_random_labels(tmp_path: Path, random: np.random.Generator) -> None:
    calls: list[Call] = []
    for _ in range(20):
        seg = random.integers(-1, 6, (1, *random.integers(1, 40, 3))).astype(random.choice([np.float32, np.int8]))
        classes = [1, (1, 2), [4], 9, 5, [-1, *range(6)]]
        options = {"min_num_samples": int(random.integers(1, 3000)), "min_percent_coverage": float(random.random())}
        module = "preprocessing.preprocessors.default_preprocessor"
        calls.append((module, "DefaultPreprocessor._sample_foreground_locations", (seg, classes), options))
    stock, ours = (results_of(run, calls, tmp_path) for run in (run_oracle, run_ours))
    for call, expected, got in zip(calls, stock, ours, strict=True):
        assert is_same(got, expected), call


def test_random_arrays_and_overridden_hooks_give_the_same(tmp_path: Path, random: np.random.Generator) -> None:
    (tmp_path / "cases.pkl").write_bytes(pickle.dumps(list(random_arrays(random, 40))))
    results = []
    for run in (run_oracle, run_ours):
        run(PREPROCESS_ARRAYS, tmp_path / "cases.pkl", tmp_path / "results.pkl")
        results.append(pickle.loads((tmp_path / "results.pkl").read_bytes()))
    for number, (expected, got) in enumerate(zip(*results, strict=True)):
        (data, *rest), (our_data, *our_rest) = expected[0], got[0]
        assert our_data.dtype == data.dtype
        np.testing.assert_allclose(our_data, data, NORMALISED_TOLERANCE, NORMALISED_TOLERANCE, err_msg=str(number))
        assert is_same(our_rest, rest), number
        assert got[1:] == expected[1:], number


READ_CASES = """
    import pickle, sys
    from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class
    dataset = infer_dataset_class(sys.argv[1])(sys.argv[1])
    cases = {name: dataset[name] for name in dataset.identifiers}
    with open(sys.argv[2], "wb") as stream:
        pickle.dump({name: (data[:], seg[:], properties) for name, (data, seg, _, properties) in cases.items()}, stream)
"""


@pytest.mark.parametrize("kind", ["rgb png", "anisotropic nifti"])
@pytest.mark.parametrize(("writer", "reader"), [("ours", run_oracle), ("stock", run_ours)])
def test_each_reads_the_folder_of_the_other(
    preprocessed: Path, tmp_path: Path, kind: str, writer: str, reader: Callable[..., str]
) -> None:
    folder = preprocessed / writer / kind
    reader(READ_CASES, folder, tmp_path / "read.pkl")
    read = np.load(tmp_path / "read.pkl", allow_pickle=True)
    assert list(read) == list(CASES)
    for case, (data, seg, properties) in read.items():
        expected = nnUNetDatasetBlosc2(str(folder))[case]
        assert is_same([data, seg, properties], [expected[0][:], expected[1][:], expected[3]])


WRITE_NUMPY_CASES = """
    import sys
    import numpy as np
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetNumpy
    for number in range(2):
        random = np.random.default_rng(number)
        data, seg = random.normal(size=(2, 3, 4, 5)).astype(np.float32), random.integers(-1, 3, (1, 3, 4, 5))
        nnUNetDatasetNumpy.save_case(data, seg.astype(np.int16), {"spacing": [1, 1, 1]}, f"{sys.argv[1]}/c{number}")
"""


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize(("writer", "reader"), [(run_ours, run_oracle), (run_oracle, run_ours)])
def test_the_older_format_goes_both_ways(
    tmp_path: Path, writer: Callable[..., str], reader: Callable[..., str], unpacked: bool
) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    writer(WRITE_NUMPY_CASES, folder)
    if unpacked:
        unpack_dataset(str(folder), num_processes=0)
    reader(READ_CASES, folder, tmp_path / "read.pkl")
    read = np.load(tmp_path / "read.pkl", allow_pickle=True)
    assert list(read) == ["c0", "c1"]
    for case, (data, seg, properties) in read.items():
        expected = nnUNetDatasetNumpy(str(folder))[case]
        assert is_same([np.array(data), np.array(seg), properties], [*map(np.array, expected[:2]), expected[3]])


@pytest.mark.real
def test_real_tiles_become_the_same_arrays(real_data: Path, tmp_path: Path) -> None:
    images = sorted((real_data / "Dataset102_Nuclei" / "imagesTr").glob("*_0000.png"))[::12]
    (tmp_path / "dataset.json").write_text(json.dumps({**DATASET_JSON, "labels": {"background": 0, "nucleus": 1}}))
    (tmp_path / "plans.json").write_text(json.dumps(plans()))
    for side, run in (("stock", run_oracle), ("ours", run_ours)):
        (tmp_path / side).mkdir()
        jobs = []
        for image in images:
            case = image.name.removesuffix("_0000.png")
            label = image.parents[1] / "labelsTr" / f"{case}.png"
            files = [str(tmp_path / name) for name in ("plans.json", "dataset.json")]
            jobs.append([str(tmp_path / side / case), [str(image)], str(label), *files])
        (tmp_path / f"{side}.json").write_text(json.dumps(jobs))
        run(RUN_JOBS, tmp_path / f"{side}.json")
    assert_same_folder(tmp_path / "stock", tmp_path / "ours")


def assert_same_folder(stock: Path, ours: Path) -> None:
    """The same files, and in them the same arrays and properties."""
    assert sorted(os.listdir(ours)) == sorted(os.listdir(stock))
    for case in nnUNetDatasetBlosc2(str(stock)).identifiers:
        expected, got = (nnUNetDatasetBlosc2(str(folder))[case] for folder in (stock, ours))
        assert is_same([got[0][:], got[1][:], without_our_key(got[3])], [expected[0][:], expected[1][:], expected[3]])


def without_our_key(properties: dict[str, Any]) -> dict[str, Any]:
    """The properties that nnU-Net knows; the one key of ours describes the normalisation of RGB images."""
    return {key: value for key, value in properties.items() if key != "drift_intensities"}


PREPROCESS = """
    if __name__ == "__main__":
        from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
        DefaultPreprocessor().run(123, "2d", "nnUNetPlans", 1)
"""


def test_a_whole_dataset_becomes_the_same_folder(nnunet_folders: NnunetFolders, tmp_path: Path) -> None:
    stock_folders = make_folders(tmp_path / "stock")
    for folders in (nnunet_folders, stock_folders):
        write_tiles(folders.raw, folders.preprocessed)
    run_oracle(PREPROCESS, env=stock_folders.environment)

    DefaultPreprocessor().run(123, "2d", "nnUNetPlans", 1)

    stock, ours = (folders.preprocessed / NAME / "plans_of_a_test" for folders in (stock_folders, nnunet_folders))
    assert_same_folder(stock, ours)
