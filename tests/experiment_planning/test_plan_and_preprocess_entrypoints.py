"""The four commands: flags and defaults, what they write, and one clear line with exit code 2 for a user's mistake."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.experiment_planning import plan_and_preprocess_api, plan_and_preprocess_entrypoints
from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import (
    extract_fingerprint_entry,
    plan_and_preprocess_entry,
    plan_experiment_entry,
    preprocess_entry,
)
from nnunetv2.experiment_planning.plans_for_pretraining.move_plans_between_datasets import (
    entry_point_move_plans_between_datasets,
)
from tests.conftest import NnunetFolders
from tests.experiment_planning.factories import (
    label_image,
    write_dataset_json,
    write_json,
    write_png,
    write_rgb_dataset,
)
from tests.stage_1_results import write_stage_1

NAME = "Dataset006_Command"
ALL = (extract_fingerprint_entry, plan_experiment_entry, preprocess_entry, plan_and_preprocess_entry)


def error_of(
    run_command: Callable[..., None], capsys: pytest.CaptureFixture[str], entry: Callable[[], None], *arguments: object
) -> str:
    """Run a command that has to fail with exit code 2 and return its error, which has to be one line."""
    capsys.readouterr()
    run_command(entry, *arguments, exit_code=2)
    lines = capsys.readouterr().err.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert lines[-1] == errors[0], "nothing follows the one line"
    return errors[0]


def quietly(*arguments: object) -> tuple[object, ...]:
    return (*arguments, "-np", 0, "-npfp", 0, "--no_pbar")


def test_everything_is_written_in_one_go(nnunet_folders: NnunetFolders, run_command: Callable[..., None]) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    write_json({"domains": {"A": ["a"], "B": ["b", "c"]}}, raw / "domains.json")
    write_json({"groups": {"a": "p"}}, raw / "groups.json")
    write_stage_1(raw, {"A": 0.6, "B": 0.4})

    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "-c", "2d", "--verify_dataset_integrity"))

    folder = nnunet_folders.preprocessed / NAME
    for name in ("dataset.json", "domains.json", "groups.json", "prism_dd.json"):
        assert (folder / name).read_bytes() == (raw / name).read_bytes()
    for case in "abc":
        assert (folder / "gt_segmentations" / f"{case}.png").read_bytes() == (
            raw / "labelsTr" / f"{case}.png"
        ).read_bytes()
        for ending in (".b2nd", "_seg.b2nd", ".pkl"):
            assert (folder / "nnUNetPlans_2d" / f"{case}{ending}").is_file()
    assert list(json.loads((folder / "nnUNetPlans.json").read_text())["configurations"]) == ["2d"]


def test_single_steps_give_the_same(nnunet_folders: NnunetFolders, run_command: Callable[..., None]) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    folder = nnunet_folders.preprocessed / NAME

    run_command(extract_fingerprint_entry, "-d", 6, "-np", 0, "--no_pbar")
    assert [file.name for file in folder.iterdir()] == ["dataset_fingerprint.json"]
    run_command(plan_experiment_entry, "-d", NAME, "-pl", "nnUNetPlannerResEncM", "-overwrite_plans_name", "mine")
    assert json.loads((folder / "mine.json").read_text())["experiment_planner_used"] == "nnUNetPlannerResEncM"
    run_command(preprocess_entry, "-d", 6, "-plans_name", "mine", "-c", "2d", "-np", 0, "--no_pbar")
    assert (folder / "nnUNetPlans_2d" / "c.b2nd").is_file()


def test_labels_are_copied_again_only_when_they_are_newer(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None]
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "-c", "2d"))
    copy = nnunet_folders.preprocessed / NAME / "gt_segmentations" / "a.png"
    assert copy.stat().st_mtime == (raw / "labelsTr" / "a.png").stat().st_mtime

    copy.write_bytes(b"kept: newer than its source")
    run_command(preprocess_entry, "-d", 6, "-c", "2d", "-np", 0, "--no_pbar")
    assert copy.read_bytes() == b"kept: newer than its source"


def test_preprocessing_can_be_left_out(nnunet_folders: NnunetFolders, run_command: Callable[..., None]) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))

    assert not (nnunet_folders.preprocessed / NAME / "gt_segmentations").exists()


def test_configurations_that_the_plans_lack_are_skipped(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6))

    assert "skipping configuration 3d_fullres, the plans only have 2d" in capsys.readouterr().out


def test_an_existing_fingerprint_is_used_unless_cleaned(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None]
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    file = nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json"
    write_json({"old": 1}, file)

    run_command(extract_fingerprint_entry, "-d", 6, "-np", 0, "--no_pbar")
    assert json.loads(file.read_text()) == {"old": 1}
    run_command(extract_fingerprint_entry, "-d", 6, "-np", 0, "--no_pbar", "--clean")
    assert "spacings" in json.loads(file.read_text())


Calls = dict[str, dict[str, Any]]

DEFAULTS: Calls = {
    "extract_fingerprints": {
        "dataset_ids": [1],
        "fingerprint_extractor_class_name": "DatasetFingerprintExtractor",
        "num_processes": 8,
        "check_dataset_integrity": False,
        "clean": False,
        "verbose": False,
        "show_progress_bar": True,
        "stock_sampling": False,
    },
    "plan_experiments": {
        "dataset_ids": [1],
        "experiment_planner_class_name": "ExperimentPlanner",
        "gpu_memory_target_in_gb": None,
        "preprocess_class_name": "DefaultPreprocessor",
        "overwrite_target_spacing": None,
        "overwrite_plans_name": None,
    },
    "preprocess": {
        "dataset_ids": [1],
        "plans_identifier": "thePlans",
        "configurations": ["2d", "3d_fullres", "3d_lowres"],
        "num_processes": [8, 4, 8],
        "verbose": False,
        "show_progress_bar": True,
    },
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Replace the functions of the api by ones that record the arguments they get, by name."""
    recorded: Calls = {}

    def replace(name: str) -> None:
        signature = inspect.signature(getattr(plan_and_preprocess_api, name))

        def record(*args: Any, **kwargs: Any) -> str:
            recorded[name] = dict(signature.bind(*args, **kwargs).arguments)
            return "thePlans"

        monkeypatch.setattr(plan_and_preprocess_entrypoints, name, record)

    for name in DEFAULTS:
        replace(name)
    return recorded


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        ((), {}),
        (("-d", 3, "Dataset002_Two"), {key: {"dataset_ids": [3, "Dataset002_Two"]} for key in DEFAULTS}),
        (("-fpe", "F"), {"extract_fingerprints": {"fingerprint_extractor_class_name": "F"}}),
        (("-npfp", 3), {"extract_fingerprints": {"num_processes": 3}}),
        (("--verify_dataset_integrity",), {"extract_fingerprints": {"check_dataset_integrity": True}}),
        (("--clean",), {"extract_fingerprints": {"clean": True}}),
        (("--stock_sampling",), {"extract_fingerprints": {"stock_sampling": True}}),
        (("-pl", "P"), {"plan_experiments": {"experiment_planner_class_name": "P"}}),
        (("-gpu_memory_target", "11.5"), {"plan_experiments": {"gpu_memory_target_in_gb": 11.5}}),
        (("-preprocessor_name", "Q"), {"plan_experiments": {"preprocess_class_name": "Q"}}),
        (("-overwrite_plans_name", "N"), {"plan_experiments": {"overwrite_plans_name": "N"}}),
        (
            ("-overwrite_target_spacing", "3", "0.5", "0.25"),
            {"plan_experiments": {"overwrite_target_spacing": [3.0, 0.5, 0.25]}},
        ),
        (
            ("-c", "3d_lowres", "3d_fullres", "mine", "2d"),
            {
                "preprocess": {
                    "configurations": ["3d_lowres", "3d_fullres", "mine", "2d"],
                    "num_processes": [8, 4, 4, 8],
                }
            },
        ),
        (("-np", 4, 5, 6), {"preprocess": {"num_processes": [4, 5, 6]}}),
        (("--verbose",), {"extract_fingerprints": {"verbose": True}, "preprocess": {"verbose": True}}),
        (
            ("--no_pbar",),
            {"extract_fingerprints": {"show_progress_bar": False}, "preprocess": {"show_progress_bar": False}},
        ),
    ],
)
def test_each_flag_reaches_the_api(run_command: Callable[..., None], calls: Calls, flags: Any, changed: Calls) -> None:
    run_command(plan_and_preprocess_entry, "-d", 1, *flags)

    assert calls == {name: {**arguments, **changed.get(name, {})} for name, arguments in DEFAULTS.items()}


def test_without_preprocessing_only_the_plans_are_made(run_command: Callable[..., None], calls: Calls) -> None:
    run_command(plan_and_preprocess_entry, "-d", 1, "--no_pp")

    assert list(calls) == ["extract_fingerprints", "plan_experiments"]


@pytest.mark.parametrize(
    ("switch", "seen_as"),
    [
        ("check_dataset_integrity", "verified"),
        ("clean", "overwrite_existing"),
        ("verbose", "verbose"),
        ("show_progress_bar", "show_progress_bar"),
        ("stock_sampling", "stock_sampling"),
    ],
)
def test_each_switch_of_the_api_reaches_the_extractor(
    nnunet_folders: NnunetFolders,
    monkeypatch: pytest.MonkeyPatch,
    switch: str,
    seen_as: str,
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    seen = {"verified": False, "stock_sampling": False}

    class Recorder:
        def __init__(self, name: str, num_processes: int, verbose: bool):
            seen.update(num_processes=num_processes, verbose=verbose)

        def run(self, overwrite_existing: bool) -> None:
            seen.update(overwrite_existing=overwrite_existing, **vars(self))

    monkeypatch.setattr(plan_and_preprocess_api, "recursive_find_python_class", lambda *_: Recorder)
    monkeypatch.setattr(plan_and_preprocess_api, "verify_dataset_integrity", lambda *_: seen.update(verified=True))
    switches = ("check_dataset_integrity", "clean", "verbose", "show_progress_bar", "stock_sampling")
    arguments: Any = {**dict.fromkeys(switches, False), switch: True}

    plan_and_preprocess_api.extract_fingerprints([6], "Recorder", num_processes=3, **arguments)

    assert seen.pop("num_processes") == 3
    assert [name for name, value in seen.items() if value] == [seen_as]


def test_the_three_single_steps_name_and_ignore_unknown_arguments(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(extract_fingerprint_entry, "-d", 6, "-np", 0, "--no_pbar", "--surplus", "7")

    assert "unknown arguments are ignored: --surplus 7" in capsys.readouterr().err
    run_command(plan_and_preprocess_entry, "-d", 6, "--surplus", exit_code=2)


@pytest.mark.parametrize("entry", ALL)
def test_the_dataset_is_required(entry: Callable[[], None], run_command: Callable[..., None]) -> None:
    run_command(entry, exit_code=2)


@pytest.mark.parametrize("entry", ALL)
def test_an_unknown_dataset_is_named(
    nnunet_folders: NnunetFolders, entry: Callable[[], None], run_command: Any, capsys: Any
) -> None:
    assert "Could not find a dataset with the ID 99" in error_of(run_command, capsys, entry, "-d", 99)
    assert "Dataset099_No" in error_of(run_command, capsys, entry, "-d", "Dataset099_No")
    assert list(nnunet_folders.preprocessed.iterdir()) == []


@pytest.mark.parametrize("entry", ALL)
def test_two_folders_with_one_id_are_named(
    nnunet_folders: NnunetFolders, entry: Callable[[], None], run_command: Any, capsys: Any
) -> None:
    for name in (NAME, "Dataset006_Other"):
        write_rgb_dataset(nnunet_folders.raw / name)

    error = error_of(run_command, capsys, entry, "-d", 6)
    assert "More than one dataset name found" in error
    assert "Dataset006_Other" in error
    assert list(nnunet_folders.preprocessed.iterdir()) == []


@pytest.mark.parametrize("entry", ALL)
@pytest.mark.parametrize("variable", ["nnUNet_raw", "nnUNet_preprocessed"])
def test_an_unset_environment_variable_is_named(
    nnunet_folders: NnunetFolders,
    entry: Callable[[], None],
    variable: str,
    run_command: Any,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    monkeypatch.delenv(variable)

    assert f"{variable} is not defined" in error_of(run_command, capsys, entry, "-d", NAME)


@pytest.mark.parametrize("entry", [extract_fingerprint_entry, plan_and_preprocess_entry])
def test_a_folder_that_cannot_be_created_is_an_error(
    nnunet_folders: NnunetFolders,
    entry: Callable[[], None],
    run_command: Any,
    capsys: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "file"))

    assert "cannot create" in error_of(run_command, capsys, entry, "-d", 6)


MALFORMED: list[tuple[str, str]] = [
    ('{"labels": ', "dataset.json"),
    ("[1, 2]", "dataset.json"),
    ('{"labels": {"background": 0}}', "dataset.json"),
]


@pytest.mark.parametrize("entry", [extract_fingerprint_entry, plan_and_preprocess_entry])
@pytest.mark.parametrize(("text", "message"), MALFORMED)
def test_a_malformed_dataset_json_is_an_error(
    nnunet_folders: NnunetFolders, entry: Callable[[], None], text: str, message: str, run_command: Any, capsys: Any
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    (raw / "dataset.json").write_text(text)

    run_command(entry, "-d", 6, exit_code=2)
    assert message in capsys.readouterr().err
    assert list(nnunet_folders.preprocessed.iterdir()) == []


@pytest.mark.parametrize("entry", ALL)
@pytest.mark.parametrize("verify", [True, False])
def test_labels_with_a_gap_are_refused(
    nnunet_folders: NnunetFolders, entry: Callable[[], None], verify: bool, run_command: Any, capsys: Any
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))
    write_dataset_json(raw, 3, labels={"background": 0, "tumor": 1, "stroma": 3})
    before = sorted(file.name for file in (nnunet_folders.preprocessed / NAME).iterdir())

    checks = ["--verify_dataset_integrity"] if verify and entry not in (plan_experiment_entry, preprocess_entry) else []
    run_command(entry, "-d", 6, *checks, exit_code=2)
    assert "found 3, did you mean 2?" in capsys.readouterr().err
    assert sorted(file.name for file in (nnunet_folders.preprocessed / NAME).iterdir()) == before


def test_planning_without_a_fingerprint_names_the_missing_step(
    nnunet_folders: NnunetFolders, run_command: Any, capsys: Any
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)

    error = error_of(run_command, capsys, plan_experiment_entry, "-d", 6)
    assert "Run nnUNetv2_extract_fingerprint first" in error
    assert list(nnunet_folders.preprocessed.iterdir()) == []


def test_preprocessing_without_plans_names_the_missing_step(
    nnunet_folders: NnunetFolders, run_command: Any, capsys: Any
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)

    error = error_of(run_command, capsys, preprocess_entry, "-d", 6, "-plans_name", "none")
    assert f"none.json does not exist. Make them with `nnUNetv2_plan_and_preprocess -d {NAME}`" in error


def test_the_integrity_check_finds_wrong_masks(nnunet_folders: NnunetFolders, run_command: Any, capsys: Any) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    write_png(label_image(1, most=1) * 255, raw / "labelsTr" / "b.png")

    error = error_of(
        run_command, capsys, plan_and_preprocess_entry, *quietly("-d", 6, "-c", "2d", "--verify_dataset_integrity")
    )
    assert "labelsTr/b.png: found 255, did you mean 1?" in error
    assert list(nnunet_folders.preprocessed.iterdir()) == []


def test_the_case_of_an_unreadable_image_is_named(nnunet_folders: NnunetFolders, run_command: Any, capsys: Any) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    (raw / "imagesTr" / "b_0000.png").write_bytes(b"not an image")

    error = error_of(run_command, capsys, plan_and_preprocess_entry, *quietly("-d", 6))
    assert "case b: " in error
    assert list((nnunet_folders.preprocessed / NAME).iterdir()) == []


def test_a_domain_file_that_lacks_a_case_is_refused(
    nnunet_folders: NnunetFolders, run_command: Any, capsys: Any
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    write_json({"domains": {"A": ["a", "b"]}}, raw / "domains.json")

    assert "case 'c' is in no domain" in error_of(run_command, capsys, plan_and_preprocess_entry, *quietly("-d", 6))


@pytest.mark.parametrize(("flag", "kind"), [("-fpe", "fingerprint extractor"), ("-pl", "experiment planner")])
def test_an_unknown_or_unsuitable_class_is_named(
    nnunet_folders: NnunetFolders, flag: str, kind: str, run_command: Any, capsys: Any
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)

    error = error_of(run_command, capsys, plan_and_preprocess_entry, *quietly("-d", 6, flag, "Nonexistent"))
    assert f"no {kind} named 'Nonexistent'" in error
    error = error_of(run_command, capsys, plan_and_preprocess_entry, *quietly("-d", 6, flag, "Path"))
    assert f"no {kind} is named 'Path', which is <class 'pathlib" in error


def test_an_unknown_preprocessor_is_named(nnunet_folders: NnunetFolders, run_command: Any, capsys: Any) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)

    error = error_of(
        run_command, capsys, plan_and_preprocess_entry, *quietly("-d", 6, "-preprocessor_name", "Nonexistent")
    )
    assert "no preprocessor named 'Nonexistent'" in error


def test_too_many_numbers_of_processes_are_refused(
    nnunet_folders: NnunetFolders, run_command: Any, capsys: Any
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))

    error = error_of(run_command, capsys, preprocess_entry, "-d", 6, "-c", "2d", "-np", 1, 2)
    assert "2 numbers of processes for 1 configurations" in error


def test_a_spacing_of_two_numbers_is_refused(nnunet_folders: NnunetFolders, run_command: Any, capsys: Any) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))

    error = error_of(run_command, capsys, plan_experiment_entry, "-d", 6, "-overwrite_target_spacing", 1, 1)
    assert "expected three floats" in error


def test_the_whole_path_for_rgb_images_imports_nothing_heavy(nnunet_folders: NnunetFolders) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    script = (
        "import sys\n"
        "from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import plan_and_preprocess_entry\n"
        "sys.argv = ['x', '-d', '6', '-c', '2d', '-np', '0', '-npfp', '0', '--no_pbar', '--verify_dataset_integrity']\n"
        "plan_and_preprocess_entry()\n"
        "heavy = {'torch', 'skimage', 'scipy', 'SimpleITK', 'nibabel', 'pandas', 'matplotlib'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert finished.stdout.strip().endswith("heavy: []")


@pytest.mark.parametrize("entry", ALL)
def test_help_imports_no_array_library(entry: Callable[[], None]) -> None:
    script = (
        f"import sys\nfrom {plan_and_preprocess_entrypoints.__name__} import {entry.__name__}\n"
        f"sys.argv = ['x', '--help']\n"
        f"try:\n    {entry.__name__}()\nexcept SystemExit:\n    print('numpy' in sys.modules, 'torch' in sys.modules)\n"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert finished.stdout.strip().endswith("False False")


def test_foreground_statistics_need_no_random_numbers(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None]
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    for case in "abc":
        write_png(np.ones((24, 32), np.uint8), raw / "labelsTr" / f"{case}.png")
    run_command(extract_fingerprint_entry, "-d", 6, "-np", 0, "--no_pbar")
    file = nnunet_folders.preprocessed / NAME / "dataset_fingerprint.json"
    properties = json.loads(file.read_text())["foreground_intensity_properties_per_channel"]["0"]

    from PIL import Image

    pixels = [np.asarray(Image.open(raw / "imagesTr" / f"{case}_0000.png"))[..., 0] for case in "abc"]
    assert properties["mean"] == pytest.approx(np.mean(pixels), rel=1e-12)
    assert properties["max"] == np.max(pixels)


def test_the_documented_steps_of_fine_tuning_work_in_their_order(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None]
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    write_rgb_dataset(nnunet_folders.raw / "Dataset007_Pretraining")
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "-c", "2d", "--no_pp"))

    run_command(extract_fingerprint_entry, "-d", 7, "-np", 0, "--no_pbar")
    run_command(entry_point_move_plans_between_datasets, "-s", 6, "-t", 7, "-sp", "nnUNetPlans", "-tp", "Moved")
    run_command(preprocess_entry, "-d", 7, "-plans_name", "Moved", "-c", "2d", "-np", 0, "--no_pbar")

    target, raw = nnunet_folders.preprocessed / "Dataset007_Pretraining", nnunet_folders.raw / "Dataset007_Pretraining"
    assert (target / "dataset.json").read_bytes() == (raw / "dataset.json").read_bytes()
    assert any((target / "Moved_2d").glob("*.b2nd"))


def test_a_configuration_that_was_asked_for_is_done_or_an_error(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))

    assert "3d_lowers not found in plans" in error_of(
        run_command, capsys, preprocess_entry, "-d", 6, "-c", "2d", "3d_lowers"
    )
    assert "the plans only have 2d, but not 3d_lowres" in error_of(
        run_command, capsys, preprocess_entry, "-d", 6, "-c", "3d_lowres"
    )
    assert not (nnunet_folders.preprocessed / NAME / "nnUNetPlans_2d").exists()


@pytest.mark.parametrize("name", ["../Dataset007_Other/nnUNetPlans", "sub/plans", "dataset", "splits_final", ".."])
def test_plans_neither_leave_their_folder_nor_replace_another_file(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))
    before = {file: file.read_bytes() for file in nnunet_folders.preprocessed.rglob("*.json")}

    planning = (plan_experiment_entry, "-d", 6, "-overwrite_plans_name", name)
    moving = (entry_point_move_plans_between_datasets, "-s", 6, "-t", 6, "-sp", "nnUNetPlans", "-tp", name)
    for entry, *arguments in (planning, moving):
        assert f"plans cannot have the name {name!r}" in error_of(run_command, capsys, entry, *arguments)
    assert {file: file.read_bytes() for file in nnunet_folders.preprocessed.rglob("*.json")} == before


@pytest.mark.parametrize("identifier", ["../../nnUNet_raw", "gt_segmentations", ".", "", ".."])
def test_preprocessing_never_empties_another_folder(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str], identifier: str
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))
    file = nnunet_folders.preprocessed / NAME / "nnUNetPlans.json"
    plans = json.loads(file.read_text())
    plans["configurations"]["2d"]["data_identifier"] = identifier
    file.write_text(json.dumps(plans))
    before = sorted([*raw.rglob("*"), *nnunet_folders.preprocessed.rglob("*")])

    assert "data_identifier is" in error_of(run_command, capsys, preprocess_entry, "-d", 6, "-c", "2d", "-np", 0)
    assert sorted([*raw.rglob("*"), *nnunet_folders.preprocessed.rglob("*")]) == before


@pytest.mark.parametrize("entry", [extract_fingerprint_entry, preprocess_entry])
def test_a_training_image_that_is_missing_is_named(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str], entry
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    run_command(plan_and_preprocess_entry, *quietly("-d", 6, "--no_pp"))
    image = raw / "imagesTr/a_0000.png"
    image.rename(image.with_name("a_0001.png"))
    run_command(entry, "-d", 6, "-np", 0, exit_code=2)
    assert "case a: channel files 0001, missing 0000" in capsys.readouterr().err

    image.with_name("a_0001.png").unlink()
    run_command(entry, "-d", 6, "-np", 0, exit_code=2)
    assert "labelsTr/a.png: no image belongs to it" in capsys.readouterr().err


def test_a_wrong_number_of_cases_alone_is_a_warning(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    raw = write_rgb_dataset(nnunet_folders.raw / NAME)
    count = len(list((raw / "imagesTr").iterdir()))
    write_json(json.loads((raw / "dataset.json").read_text()) | {"numTraining": 99}, raw / "dataset.json")

    run_command(extract_fingerprint_entry, "-d", 6, "-np", 0, "--no_pbar")
    assert f"numTraining is 99, but there are {count} cases" in capsys.readouterr().err
