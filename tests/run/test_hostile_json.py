"""Commands given a JSON file of another content: exit code 2, one line that names the file, no traceback."""

import json
from collections.abc import Callable
from importlib import metadata

import numpy as np
import pytest
from PIL import Image

from tests.conftest import NnunetFolders
from tests.file_kinds.valid_files import DATASET, PLANS

NAME, MODEL = "Dataset001_A", "nnUNetTrainer__nnUNetPlans__2d"
HOSTILE = {
    "deep": "[" * 100_000,
    "null": "null",
    "text": '"x"',
    "digits": '{"labels": ' + "9" * 5000 + "}",
    "labels": '{"labels": 3, "configurations": 3, "domains": 3}',
    "cut off": '{"labels": {"backgr',
}


def entry_point(command: str) -> Callable[[], None]:
    script = next(iter(metadata.entry_points(group="console_scripts", name=command)))
    return script.load()


@pytest.fixture
def folders(nnunet_folders: NnunetFolders) -> NnunetFolders:
    """A raw and a planned dataset of two tiles, and the folder of a model."""
    raw, planned = nnunet_folders.raw / NAME, nnunet_folders.preprocessed / NAME
    model = nnunet_folders.results / NAME / MODEL
    for folder in (raw / "imagesTr", raw / "labelsTr", planned / "nnUNetPlans_2d", planned / "gt_segmentations"):
        folder.mkdir(parents=True)
    (model / "fold_0").mkdir(parents=True)
    for case in ("a", "b"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(raw / "imagesTr" / f"{case}_0000.png")
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(raw / "labelsTr" / f"{case}.png")
    dataset = {key: value for key, value in DATASET.items() if key != "dataset"}
    for folder, plans in ((raw, "none.json"), (planned, "nnUNetPlans.json"), (model, "plans.json")):
        (folder / "dataset.json").write_text(json.dumps(dataset))
        (folder / plans).write_text(json.dumps(PLANS))
    (planned / "nnUNetPlans_2d" / "a.b2nd").touch()
    (raw / "domains.json").write_text(json.dumps({"domains": {"x": ["a"], "y": ["b"]}}))
    return nnunet_folders


RAW, PLANNED, RESULT = f"raw/{NAME}", f"preprocessed/{NAME}", f"results/{NAME}/{MODEL}"
CASES = [
    (f"{RAW}/dataset.json", "nnUNetv2_extract_fingerprint -d 1 -np 1"),
    (f"{RAW}/dataset.json", "nnUNetv2_plan_experiment -d 1"),
    (f"{PLANNED}/dataset_fingerprint.json", "nnUNetv2_plan_experiment -d 1"),
    (f"{PLANNED}/nnUNetPlans.json", "nnUNetv2_preprocess -d 1 -c 2d -np 1"),
    (f"{PLANNED}/dataset.json", "nnUNetv2_preprocess -d 1 -c 2d -np 1"),
    (f"{PLANNED}/nnUNetPlans.json", "nnUNetv2_move_plans_between_datasets -s 1 -t 1 -sp nnUNetPlans -tp P"),
    (f"{PLANNED}/nnUNetPlans.json", "nnUNetv2_train 1 2d 0 -device cpu"),
    (f"{RESULT}/plans.json", "nnUNetv2_predict_from_modelfolder -i {raw}/{NAME}/imagesTr -o {raw}/o -m {model} -f 0"),
    (f"{RESULT}/dataset.json", "nnUNetv2_predict -i {raw}/{NAME}/imagesTr -o {raw}/o -d 1 -c 2d -f 0 -device cpu"),
    (
        f"{RESULT}/dataset.json",
        "nnUNetv2_evaluate_folder {raw}/{NAME}/labelsTr {raw}/{NAME}/labelsTr -djfile {model}/dataset.json "
        "-pfile {model}/plans.json -o {raw}/summary.json",
    ),
    (f"{RESULT}/plans.json", "nnUNetv2_ensemble -i {model} {model} -o {raw}/o"),
    (f"{RESULT}/plans.json", "nnUNetv2_accumulate_crossval_results 1 -c 2d -f 0"),
    (f"{PLANNED}/nnUNetPlans.json", "nnUNetv2_find_best_configuration 1 -c 2d -f 0"),
    (f"{RAW}/domains.json", "drift prism -d 1"),
    (f"{RAW}/domains.json", "drift splits -d 1"),
    (f"{RESULT}/plans.json", "drift report {model}"),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("file", "words"), CASES, ids=[f"{words.split()[0]} {file}" for file, words in CASES])
def test_a_hostile_file_is_one_line_and_exit_code_2(
    file: str,
    words: str,
    text: str,
    folders: NnunetFolders,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = folders.raw.parent / f"nnUNet_{file}"
    path.write_text(HOSTILE[text])
    command, *arguments = words.format(raw=folders.raw, NAME=NAME, model=folders.results / NAME / MODEL).split()

    run_command(entry_point(command), *arguments, exit_code=2)

    message = capsys.readouterr().err
    assert str(path) in message
    assert "Traceback" not in message
    assert sum(line.startswith("error: ") for line in message.splitlines()) == 1


@pytest.mark.parametrize(
    ("file", "words", "place", "value", "line"),
    [
        (f"{RAW}/dataset.json", CASES[1][1], ("channel_names", "0"), 1, "channel_names.0 is 1, expected a text"),
        (
            f"{RAW}/dataset.json",
            CASES[0][1],
            ("overwrite_image_reader_writer",),
            5,
            "writer is 5, expected",
        ),
        (f"{RAW}/dataset.json", CASES[0][1], ("file_ending",), "./x", "file_ending is './x', expected"),
        (CASES[6][0], CASES[6][1], ("configurations", "2d", "batch_size"), 0, "2d.batch_size is 0"),
        (
            f"{PLANNED}/nnUNetPlans.json",
            CASES[6][1],
            ("configurations", "2d", "patch_size"),
            [18, 24],
            "a multiple of 4",
        ),
        (f"{PLANNED}/nnUNetPlans.json", CASES[3][1], ("configurations", "2d", "spacing"), [0, 1], "spacing[0] is 0"),
    ],
)
def test_a_wrong_entry_is_named_by_the_command(
    file: str,
    words: str,
    place: tuple[str, ...],
    value: object,
    line: str,
    folders: NnunetFolders,
    run_command: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = folders.raw.parent / f"nnUNet_{file}"
    content = around = json.loads(path.read_text())
    for key in place[:-1]:
        around = around[key]
    around[place[-1]] = value
    path.write_text(json.dumps(content))
    command, *arguments = words.split()

    run_command(entry_point(command), *arguments, exit_code=2)

    message = capsys.readouterr().err
    assert f"error: {path}" in message
    assert line in message
    assert "Traceback" not in message
