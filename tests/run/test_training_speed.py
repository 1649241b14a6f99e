"""What `drift doctor -d` measures."""

from collections.abc import Callable

import pytest

from nnunetv2.run import training_speed
from nnunetv2.run.doctor import doctor_entry
from tests.conftest import NnunetFolders
from tests.training.tiny_dataset import TinyDataset, write_preprocessed

DATASET = TinyDataset()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_speed, "SECONDS_OF_A_PART", 0.05)
    monkeypatch.setenv("nnUNet_n_proc_DA", "0")
    monkeypatch.setenv("DRIFT_LOGGERS", "tensorboard")  # is not to be started


def test_three_lines_tell_loading_steps_and_both_and_no_results_are_left(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    write_preprocessed(DATASET, nnunet_folders.preprocessed)
    run_command(doctor_entry, "-d", DATASET.name, "-c", "2d", "-device", "cpu")
    lines = capsys.readouterr().out.splitlines()
    data, step, both = lines[-3:]
    assert data.startswith("data alone: ")
    assert step.startswith("step alone: ")
    assert both.startswith("Speed: waited for data ")
    assert "; to change: " in both
    assert not list(nnunet_folders.results.iterdir())


@pytest.mark.parametrize("arguments", [("-d", "901"), ("-c", "2d"), ("-d", "901", "-c", "2d", "-device", "cpu")])
def test_a_dataset_needs_a_configuration_and_has_to_be_there(
    nnunet_folders: NnunetFolders, run_command: Callable[..., None], arguments: tuple[str, ...]
) -> None:
    run_command(doctor_entry, *arguments, exit_code=2)
