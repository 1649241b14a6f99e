import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnunetv2.errors import CaseFailedError, DatasetLayoutError, SettingsError, WorkerDiedError
from nnunetv2.preprocessing.dataset_run import DatasetRun
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.resumable_folder import ResumableFolder
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from tests.conftest import NnunetFolders
from tests.preprocessing.factories import CASES, DATASET_JSON, NAME, managers, plans, write_tiles
from tests.preprocessing.own_preprocessors import DiskFullAtCaseC, KilledAtCaseC, MergesLabels, RegistersItsLabelManager


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


def rewrite(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module with a preprocessor of a user."""
    path = tmp_path / "module_of_a_user.py"
    path.write_text(
        "from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor\n\n\n"
        "class OwnPreprocessor(DefaultPreprocessor):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield path
    sys.modules.pop(path.stem, None)


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
    with pytest.raises(CaseFailedError, match=r"case c: .*c_0000\.png: is damaged"):
        preprocess()
    folder = written(nnunet_folders)
    finished = times(folder)
    assert {name[0] for name in finished} == {"a", "b"}
    assert not folder.with_name(folder.name + ".partial").exists()

    (tiles / "imagesTr" / "c_0000.png").write_bytes(content)
    preprocess()

    assert {name[0] for name in names(folder)} == set(CASES)
    assert finished.items() <= times(folder).items()


def test_finished_cases_are_kept_without_a_word(
    tiles: Path, nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture
) -> None:
    preprocess()
    before = times(written(nnunet_folders))
    preprocess()
    assert times(written(nnunet_folders)) == before
    assert caplog.text == ""


def test_entries_that_only_training_reads_may_change(
    tiles: Path, nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture
) -> None:
    preprocess()
    before = times(written(nnunet_folders))
    folder = nnunet_folders.preprocessed / NAME
    changed = plans(batch_size=49, patch_size=[16, 24], architecture={"network_class_name": "x"}, batch_dice=False)
    rewrite(folder / "nnUNetPlans.json", {**changed, "plans_name": "OtherPlans", "experiment_planner_used": "Other"})
    rewrite(folder / "dataset.json", {**DATASET_JSON, "description": "tissue", "numTraining": 77})

    preprocess()

    assert times(written(nnunet_folders)) == before
    assert caplog.text == ""


@pytest.mark.parametrize("changes", [{"spacing": (2.0, 2.0)}, {"schemes": ["RGBTo01Normalization"] * 3}])
def test_plans_that_change_the_arrays_change_all_cases_with_a_warning(
    tiles: Path, nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    preprocess()
    before = times(written(nnunet_folders))
    content = plans(**changes)
    rewrite(nnunet_folders.preprocessed / NAME / "nnUNetPlans.json", content)

    preprocess()

    folder = written(nnunet_folders)
    assert not before.items() & times(folder).items()
    assert caplog.messages == [f"{folder}: plans or code changed, 4 finished case(s) are preprocessed again"]
    data, _, _, _ = nnUNetDatasetBlosc2(str(folder))["a"]
    files = [str(tiles / "imagesTr" / "a_0000.png")], str(tiles / "labelsTr" / "a.png")
    np.testing.assert_array_equal(data[:], DefaultPreprocessor().run_case(*files, *managers(content), DATASET_JSON)[0])


def test_the_command_shows_that_cases_are_preprocessed_again(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    preprocess()
    rewrite(nnunet_folders.preprocessed / NAME / "nnUNetPlans.json", plans(spacing=(2.0, 2.0)))
    code = "from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import preprocess_entry as run; run()"
    arguments = ["-d", "123", "-c", "2d", "-np", "0"]
    finished = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    folder = written(nnunet_folders)
    expected = f"warning: {folder}: plans or code changed, 4 finished case(s) are preprocessed again"
    assert expected in finished.stderr.splitlines()


def test_code_counts_by_its_content(
    tiles: Path, nnunet_folders: NnunetFolders, own_module: Path, caplog: pytest.LogCaptureFixture
) -> None:
    preprocessor = import_module(own_module.stem).OwnPreprocessor()
    preprocess(preprocessor)
    before = times(written(nnunet_folders))

    os.utime(own_module, (1, 1))
    preprocess(preprocessor)
    assert times(written(nnunet_folders)) == before
    assert caplog.text == ""

    own_module.write_text(own_module.read_text() + "    # other work\n")
    preprocess(preprocessor)
    assert not before.items() & times(written(nnunet_folders)).items()
    assert "plans or code changed, 4 finished case(s)" in caplog.text


def test_a_changed_image_changes_its_case_only(
    tiles: Path, nnunet_folders: NnunetFolders, caplog: pytest.LogCaptureFixture
) -> None:
    preprocess()
    before = times(written(nnunet_folders))
    Image.fromarray(np.full((40, 50, 3), 7, np.uint8)).save(tiles / "imagesTr" / "b_0000.png")
    preprocess()
    after = times(written(nnunet_folders))
    assert {name for name in after if after[name] != before[name]} == {"b.b2nd", "b_seg.b2nd", "b.pkl"}
    assert caplog.messages == [
        f"{written(nnunet_folders)}: their files changed, 1 finished case(s) are preprocessed again"
    ]


class ForeignReader:
    """A reader that does not derive from BaseReaderWriter."""


class ReaderWithSideFile(ForeignReader):
    @staticmethod
    def side_files(image_files: list[str]) -> list[str]:
        return [image_files[0] + ".txt"]


@pytest.mark.parametrize(("reader", "sides"), [(ForeignReader, []), (ReaderWithSideFile, ["a_0000.png.txt"])])
def test_side_files_belong_to_a_case_if_its_reader_has_any(tmp_path: Path, reader: type, sides: list[str]) -> None:
    class Plans:
        image_reader_writer_class = reader
        label_manager_class = object
        plans: dict[str, Any] = {}  # noqa: RUF012

    class Nothing(DefaultPreprocessor):
        show_progress_bar = False

        def run_case_save(self, output_filename_truncated: str, *_: Any) -> None:
            Path(output_filename_truncated + ".pkl").touch()

    run = DatasetRun(Nothing(), ResumableFolder(tmp_path / "out"), Plans(), managers(plans())[1], {})
    run.store_all({"a": {"images": ["a_0000.png"], "label": "a.png"}}, 0, "")
    entry = json.loads(run.target.journal.read_text().splitlines()[-1])
    assert [path for path, _, _ in entry["sources"]] == ["a_0000.png", "a.png", *sides]


def test_stray_files_are_removed(tiles: Path, nnunet_folders: NnunetFolders) -> None:
    folder = written(nnunet_folders)
    folder.mkdir()
    (folder / "old.npz").touch()
    preprocess()
    assert "old.npz" not in names(folder)


def test_a_killed_worker_is_reported(tiles: Path, nnunet_folders: NnunetFolders) -> None:
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
    with pytest.raises(DatasetLayoutError, match="raw dataset not found"):
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


@pytest.mark.parametrize("workers", [0, 2])
def test_a_label_manager_that_only_the_workers_know_is_enough(
    tiles: Path, nnunet_folders: NnunetFolders, workers: int
) -> None:
    file = nnunet_folders.preprocessed / NAME / "nnUNetPlans.json"
    rewrite(file, {**plans(), "label_manager": "OwnLabelManager"})
    preprocess(RegistersItsLabelManager(), workers)
    assert {f"{case}.b2nd" for case in CASES} < set(names(written(nnunet_folders)))


@pytest.mark.parametrize("entry", ["label_manager", "image_reader_writer"])
def test_an_unknown_name_in_the_plans_is_refused_before_any_case(
    tiles: Path, nnunet_folders: NnunetFolders, entry: str
) -> None:
    file = nnunet_folders.preprocessed / NAME / "nnUNetPlans.json"
    rewrite(file, {**plans(), entry: "NoSuchClass"})
    with pytest.raises(SettingsError, match=f"{file}: {entry}: .*'NoSuchClass'"):
        preprocess()
