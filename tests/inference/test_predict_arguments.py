import subprocess
import sys

import pytest

from nnunetv2.inference import predict_arguments
from nnunetv2.inference.predict_arguments import default_workers, modelfolder_parser, predict_parser
from tests.packaging.test_package_list import SCRIPTS


@pytest.mark.parametrize("module", ["predict_command", "export_prediction", "case_preparation", "export_queue"])
def test_modules_of_workers_and_help_texts_import_no_torch(module: str) -> None:
    code = f"import sys, nnunetv2.inference.{module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("command", ["nnUNetv2_predict", "nnUNetv2_predict_from_modelfolder"])
def test_help_loads_nothing_heavy(command: str) -> None:
    module, _, function = SCRIPTS[command].partition(":")
    code = f"from {module} import {function}; {function}()"
    helping = [sys.executable, "-X", "importtime", "-c", code, "--help"]
    finished = subprocess.run(helping, capture_output=True, text=True, check=True)
    assert "-step_size" in finished.stdout
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"torch", "numpy", "scipy", "SimpleITK", "matplotlib"}


def test_arguments_have_the_defaults_of_nnunet() -> None:
    arguments = vars(predict_parser().parse_args(["-i", "IN", "-o", "OUT", "-d", "5", "-c", "2d"]))
    assert arguments == {
        "i": "IN", "o": "OUT", "d": "5", "p": "nnUNetPlans", "tr": "nnUNetTrainer", "c": "2d", "f": [0, 1, 2, 3, 4],
        "step_size": 0.5, "disable_tta": False, "verbose": False, "save_probabilities": False,
        "continue_prediction": False, "chk": "checkpoint_final.pth", "npp": None, "nps": None,
        "prev_stage_predictions": None, "num_parts": 1, "part_id": 0, "device": None, "disable_progress_bar": False,
        "not_on_device": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "on_cpu", "cases", "workers"),
    [
        (None, False, 1, 3),
        (None, True, 10, 0),
        (None, True, 11, 2),
        ("1", True, 1, 1),
        ("0", False, 9, 0),
        ("x", True, 1, 3),
    ],
)
def test_the_environment_or_the_number_of_cases_sets_the_number_of_workers(
    monkeypatch: pytest.MonkeyPatch, value: str | None, on_cpu: bool, cases: int, workers: int
) -> None:
    if value is not None:
        monkeypatch.setenv("nnUNet_npp", value)
    monkeypatch.setattr(predict_arguments, "feeding_processes", lambda: 2)
    assert default_workers("nnUNet_npp", on_cpu, cases) == workers


@pytest.mark.parametrize(("parser", "model"), [(predict_parser, "-d 5 -c 2d"), (modelfolder_parser, "-m MODEL")])
def test_c_continues_a_prediction_in_both_commands(parser, model: str) -> None:
    arguments = parser().parse_args(f"-i IN -o OUT {model} --c -f 0 all".split())
    assert arguments.continue_prediction
    assert arguments.f == [0, "all"]
