"""Settings from the environment, and what happens if they are wrong."""

import logging
import os
import subprocess
import sys

import pytest

from nnunetv2 import configuration
from nnunetv2.configuration import compile_setting, get_allowed_n_proc_DA

EXPECTED = "expected a whole number of processes, 0 or more"


@pytest.mark.parametrize("variable", ["nnUNet_def_n_proc", "nnUNet_n_proc_DA"])
@pytest.mark.parametrize("value", ["eight", "-1", ""])
def test_a_command_names_a_bad_number_of_processes_in_one_line(variable: str, value: str) -> None:
    script = "from nnunetv2.evaluation.evaluate_predictions import evaluate_simple_entry_point as run; run()"
    finished = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, variable: value}, capture_output=True, text=True, check=False
    )
    assert finished.stderr == f"error: {variable} is {value!r}, {EXPECTED}\n"
    assert finished.returncode == 2


def test_a_host_program_keeps_its_excepthook_and_is_told_when_it_starts_work() -> None:
    script = """
import sys
before = sys.excepthook
from nnunetv2.errors import SettingsError
from nnunetv2.foundation.workers import WorkerPool
assert sys.excepthook is before
try:
    WorkerPool(0)
except SettingsError as error:
    print(error)
raise KeyError("another error")
"""
    environment = {**os.environ, "nnUNet_def_n_proc": "x"}
    finished = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert finished.stdout == f"nnUNet_def_n_proc is 'x', {EXPECTED}\n"
    assert finished.returncode == 1
    assert "Traceback" in finished.stderr


def test_augmentation_processes_are_at_most_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "usable_cpus", lambda: 4)
    assert get_allowed_n_proc_DA() == 4
    monkeypatch.setenv("nnUNet_n_proc_DA", " 3 ")
    assert get_allowed_n_proc_DA() == 3


@pytest.mark.parametrize(("value", "expected"), [("T", True), ("1", True), ("f", False), ("", False), ("False", False)])
def test_compiling_is_asked_for_or_not(monkeypatch: pytest.MonkeyPatch, caplog, value: str, expected: bool) -> None:
    assert compile_setting() is None
    monkeypatch.setenv("nnUNet_compile", value)
    assert compile_setting() is expected
    assert not caplog.records


def test_an_unknown_value_is_warned_about_once_and_means_no(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    configuration._is_true.cache_clear()
    monkeypatch.setenv("nnUNet_compile", "yes")
    with caplog.at_level(logging.WARNING):
        assert compile_setting() is False
        assert compile_setting() is False
    (record,) = caplog.records
    assert "nnUNet_compile is 'yes', which counts as false" in record.getMessage()


@pytest.mark.parametrize("value", ["'3'", '"3"\r', " 3\r\n"])
def test_numbers_of_processes_may_have_quotes_or_a_carriage_return(monkeypatch, value: str) -> None:
    monkeypatch.setattr(configuration, "usable_cpus", lambda: 4)
    monkeypatch.setenv("nnUNet_n_proc_DA", value)
    assert get_allowed_n_proc_DA() == 3


def test_a_number_of_thousands_of_digits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("nnUNet_n_proc_DA", "7" * 5000)
    with pytest.raises(configuration.SettingsError, match=EXPECTED):
        get_allowed_n_proc_DA()
