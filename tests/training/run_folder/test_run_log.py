import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from nnunetv2.training.run_folder import run_log


def test_the_log_is_named_by_the_moment_with_padded_time_only() -> None:
    assert run_log.log_file_name(datetime(2026, 3, 4, 5, 6, 7)) == "training_log_2026_3_4_05_06_07.txt"


def test_a_line_has_a_space_after_each_part_and_creates_its_folder(tmp_path: Path) -> None:
    run_log.append_line(str(tmp_path / "fold_0" / "log.txt"), ("Pseudo dice", [0.5]))
    run_log.append_line(str(tmp_path / "fold_0" / "log.txt"), ("next",))

    assert (tmp_path / "fold_0" / "log.txt").read_text() == "Pseudo dice [0.5] \nnext \n"


def test_a_timestamp_comes_first() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}:", run_log.with_timestamp(("x",))[0])


def test_a_log_that_cannot_be_written_is_an_error_after_several_attempts(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(OSError, match="taken"):
        run_log.append_line(str(tmp_path / "taken" / "log.txt"), ("x",), attempts=2, pause_s=0)


def test_the_state_of_a_trainer_is_described_as_text() -> None:
    loader = SimpleNamespace(generator=SimpleNamespace(transforms="T"), num_processes=3)
    described = run_log.describe_state(
        {"a": 1, "method": print, "loss": torch.nn.L1Loss(), "dataloader_train": loader, "__doc__": "x"}
    )

    assert described["a"] == "1"
    assert described["loss"] == "L1Loss()"
    assert described["dataloader_train.generator.transforms"] == "T"
    assert described["dataloader_train.num_processes"] == "3"
    assert not {"method", "__doc__", "dataloader_train.transform"} & set(described)


def test_the_machine_is_described() -> None:
    described = run_log.describe_machine(torch.device("cpu"))

    assert described["device"] == "cpu"
    assert described["torch_version"] == torch.__version__
    assert described["cudnn_version"] == "None"


def test_progress_counts_and_draws_nothing_off_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(run_log.with_progress(range(1, 3), "Epoch 0")) == [1, 2]
    assert capfd.readouterr() == ("", "")
