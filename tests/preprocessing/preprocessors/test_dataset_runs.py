import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import CaseFailedError, DatasetLayoutError, WorkerDiedError
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from tests.conftest import NnunetFolders
from tests.preprocessing.factories import CASES, DATASET_JSON, NAME, managers, plans, write_tiles
from tests.preprocessing.own_preprocessors import DiskFullAtCaseC, KilledAtCaseC, MergesLabels


def written(folders: NnunetFolders) -> Path:
    return folders.preprocessed / NAME / "plans_of_a_test"


def preprocess(preprocessor: DefaultPreprocessor | None = None, workers: int = 0) -> None:
    preprocessor = preprocessor or DefaultPreprocessor()
    preprocessor.show_progress_bar = False
    preprocessor.run(123, "2d", "nnUNetPlans", workers)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def damage(tiles: Path, case: str) -> bytes:
    path = tiles / "imagesTr" / f"{case}_0000.png"
    content = path.read_bytes()
    path.write_bytes(content[:200])
    return content


@pytest.fixture
def tiles(nnunet_folders: NnunetFolders) -> Path:
    return write_tiles(nnunet_folders.raw, nnunet_folders.preprocessed)[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_each_case_becomes_three_files(tiles: Path, nnunet_folders: NnunetFolders, workers: int) -> None:
    preprocess(workers=workers)

    folder = written(nnunet_folders)
    assert names(folder) == sorted(f"{case}{end}" for case in CASES for end in (".b2nd", "_seg.b2nd", ".pkl"))
    for case in CASES:
        files = [str(tiles / "imagesTr" / f"{case}_0000.png")], str(tiles / "labelsTr" / f"{case}.png")
        expected = DefaultPreprocessor().run_case(*files, *managers(plans()), DATASET_JSON)
        data, seg, _, properties = nnUNetDatasetBlosc2(str(folder))[case]
        np.testing.assert_array_equal(data[:], expected[0])
        np.testing.assert_array_equal(seg[:], expected[1])
        assert (data.dtype, seg.dtype) == (np.float32, np.int16)
        assert list(properties) == list(expected[2])


def test_a_bad_case_is_named_and_the_next_run_continues(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    content = damage(tiles, "c")
    with pytest.raises(CaseFailedError, match=r"case c: .*c_0000\.png: cannot be read"):
        preprocess()
    folder = written(nnunet_folders)
    finished = times(folder)
    assert {name[0] for name in finished} == {"a", "b"}
    assert not folder.with_name(folder.name + ".partial").exists()

    (tiles / "imagesTr" / "c_0000.png").write_bytes(content)
    preprocess()

    assert {name[0] for name in names(folder)} == set(CASES)
    assert finished.items() <= times(folder).items()


def test_what_is_done_is_not_done_again(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    preprocess()
    before = times(written(nnunet_folders))
    preprocess()
    assert times(written(nnunet_folders)) == before


def test_other_plans_change_all_cases(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    preprocess()
    path = nnunet_folders.preprocessed / NAME / "nnUNetPlans.json"
    path.write_text(json.dumps(plans(schemes=["RGBTo01Normalization"] * 3)))
    preprocess()
    data, _, _, _ = nnUNetDatasetBlosc2(str(written(nnunet_folders)))["a"]
    assert data[:].min() >= 0


def test_a_changed_image_changes_its_case_only(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    preprocess()
    before = times(written(nnunet_folders))
    Image.fromarray(np.full((40, 50, 3), 7, np.uint8)).save(tiles / "imagesTr" / "b_0000.png")
    preprocess()
    after = times(written(nnunet_folders))
    assert {name for name in after if after[name] != before[name]} == {"b.b2nd", "b_seg.b2nd", "b.pkl"}


def test_stray_files_are_removed(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    folder = written(nnunet_folders)
    folder.mkdir()
    (folder / "old.npz").touch()
    preprocess()
    assert "old.npz" not in names(folder)


def test_a_killed_worker_is_noticed(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(WorkerDiedError, match=r"case c: .*SIGKILL"):
        preprocess(KilledAtCaseC(), workers=1)
    folder = written(nnunet_folders)
    assert names(folder) == ["a.b2nd", "a.pkl", "a_seg.b2nd", "b.b2nd", "b.pkl", "b_seg.b2nd"]
    assert not folder.with_name(folder.name + ".partial").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_is_named_with_the_case(tiles: Path, nnunet_folders: NnunetFolders, workers: int) -> None:
    with pytest.raises(CaseFailedError, match=r"case c: .*No space left on device"):
        preprocess(DiskFullAtCaseC(), workers=workers)
    assert {name[0] for name in names(written(nnunet_folders))} == {"a", "b"}


def test_a_subclass_may_change_the_labels_that_are_stored(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    preprocess(MergesLabels())
    _, seg, _, properties = nnUNetDatasetBlosc2(str(written(nnunet_folders)))["a"]
    assert seg[:].max() == 1
    assert list(properties["class_locations"]) == [1, 2]


def test_a_missing_raw_folder_and_missing_plans_are_named(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    with pytest.raises(AssertionError, match=r"plans not found: .*Other\.json; run nnUNetv2_plan_experiment first"):
        DefaultPreprocessor().run(123, "2d", "Other", 0)
    with pytest.raises(DatasetLayoutError, match="raw data set not found"):
        DefaultPreprocessor().run("Dataset999_Nothing", "2d", "nnUNetPlans", 0)


def test_a_case_cannot_be_called_like_the_labels_of_another(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    (tiles / "imagesTr" / "b_0000.png").rename(tiles / "imagesTr" / "a_seg_0000.png")
    with pytest.raises(DatasetLayoutError, match=r"must not end in _seg, rename their files:\n  a_seg"):
        preprocess()
    assert not written(nnunet_folders).exists()


def test_tiles_need_neither_torch_nor_skimage_nor_simpleitk(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    code = (
        "import sys; from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor;"
        "DefaultPreprocessor().run(123, '2d', 'nnUNetPlans', 0);"
        "print([name for name in ('torch', 'skimage', 'SimpleITK', 'nibabel', 'scipy') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert finished.stdout.strip() == "[]"
