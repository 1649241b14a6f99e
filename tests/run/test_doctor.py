"""What `drift doctor` says of folders and libraries."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.run import doctor
from nnunetv2.run.doctor import cpu_state, doctor_entry, folder_state, library_state
from s1 import cpus
from tests.conftest import NnunetFolders


def test_a_folder_is_set_exists_and_can_be_written(nnunet_folders: NnunetFolders) -> None:
    assert folder_state("nnUNet_raw") == (True, f"nnUNet_raw = {nnunet_folders.raw}")


def test_each_way_a_folder_can_be_wrong_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_state("nnUNet_raw") == (False, "nnUNet_raw is not set: export nnUNet_raw=/path/to/a/folder")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "none"))
    assert folder_state("nnUNet_raw") == (False, f"nnUNet_raw = {tmp_path / 'none'}: no such folder, create it")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    assert folder_state("nnUNet_raw") == (False, f"nnUNet_raw = {tmp_path}: not writable")


def test_a_library_that_is_not_installed_says_how_to_install_it() -> None:
    assert library_state("numpy")[0]
    assert library_state("no-such-library") == (
        False,
        "no-such-library is not installed: pip install -r requirements.txt",
    )


@pytest.mark.parametrize("all_is_well", [True, False])
def test_the_exit_code_says_whether_anything_is_missing(
    all_is_well: bool,
    nnunet_folders: NnunetFolders,
    run_command: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not all_is_well:
        monkeypatch.delenv("nnUNet_results")
    run_command(doctor_entry, exit_code=0 if all_is_well else 2)
    missing = [line for line in capsys.readouterr().out.splitlines() if line.startswith("MISSING")]
    assert len(missing) == (0 if all_is_well else 1)


@pytest.mark.parametrize(
    ("usable", "requested", "sentence"),
    [
        (8, None, "8 CPUs; threads of a network: 7"),
        (2, None, "2 of 8 CPUs, by affinity or quota; threads of a network: 2"),
        (8, "3", "8 CPUs; threads of a network by OMP_NUM_THREADS: 3"),
    ],
)
def test_the_number_of_cpus_and_threads_is_told(
    usable: int, requested: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if requested is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", requested)
    for module in (doctor, cpus):
        monkeypatch.setattr(module, "usable_cpus", lambda: usable)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert cpu_state() == sentence


def test_how_variables_were_read_is_shown(
    nnunet_folders: NnunetFolders,
    run_command: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, value in {
        "nnUNet_raw": f"'{nnunet_folders.raw}'\r",
        "nnUNet_results": "~no-such-user/results",
        "nnUNet_extTrainer": f"{nnunet_folders.raw}:/none",
        "nnUNet_compile": '"f"',
    }.items():
        monkeypatch.setenv(variable, value)
    run_command(doctor_entry, exit_code=2)
    lines = capsys.readouterr().out.splitlines()
    quoted = f"'{nnunet_folders.raw}'\r"
    assert f"ok       nnUNet_raw = {nnunet_folders.raw} (read from {quoted!r})" in lines
    assert any(line.startswith("MISSING  nnUNet_results is '~no-such-user/results', but") for line in lines)
    assert f"ok       nnUNet_extTrainer: {nnunet_folders.raw}" in lines
    assert "MISSING  nnUNet_extTrainer: /none: no such folder" in lines
    assert "ok       nnUNet_compile = f" in lines
