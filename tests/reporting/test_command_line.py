"""`drift report`: writes one file, reports errors in one line, starts quickly."""

import subprocess
import sys
from pathlib import Path

import pytest

from nnunetv2.reporting.command_line import report_entry
from tests.reporting.model_folder import write_evaluation, write_model


def test_the_report_is_written_to_the_model_folder_by_default(nnunet_folders, run_command, capsys, tmp_path) -> None:
    model = write_model(nnunet_folders.results, nnunet_folders.raw)

    run_command(report_entry, str(model))
    run_command(report_entry, str(model), "-o", str(tmp_path / "page.html"), "--worst-cases", "0")

    assert "<html" in (model / "report.html").read_text()
    assert (tmp_path / "page.html").stat().st_size < (model / "report.html").stat().st_size
    assert f"written: {model / 'report.html'}" in capsys.readouterr().out


def test_predictions_are_reported(nnunet_folders, run_command, tmp_path) -> None:
    write_evaluation(tmp_path / "predictions", nnunet_folders.raw)

    run_command(report_entry, "--predictions", str(tmp_path / "predictions"))

    assert (tmp_path / "predictions" / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either the folder"),
        (["one", "--predictions", "two"], "either the folder"),
        (["absent"], "folder not found"),
        (["--predictions", "absent"], "evaluate the predictions first"),
        (["absent", "--images-dir", "nowhere"], "--images-dir"),
    ],
)
def test_an_error_is_one_line(arguments, message, monkeypatch, run_command, capsys, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    run_command(report_entry, *arguments, exit_code=2)

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_loads_nothing_heavy_and_the_report_no_torch(nnunet_folders, tmp_path) -> None:
    model = write_model(nnunet_folders.results, nnunet_folders.raw)
    script = (
        "import sys; from nnunetv2.reporting.command_line import report_entry\n"
        "sys.argv = ['drift report', '--help']\n"
        "try:\n    report_entry()\nexcept SystemExit:\n    pass\n"
        "print('heavy:', [m for m in ('torch', 'numpy', 'matplotlib', 'PIL') if m in sys.modules])\n"
        f"sys.argv = ['drift report', {str(model)!r}]\nreport_entry()\nprint('torch:', 'torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "heavy: []" in output
    assert "torch: False" in output


def test_the_report_replaces_only_a_report(nnunet_folders, run_command, capsys) -> None:
    model = write_model(nnunet_folders.results, nnunet_folders.raw)
    before = (model / "plans.json").read_bytes()

    for _ in range(2):
        run_command(report_entry, str(model))
    run_command(report_entry, str(model), "-o", str(model / "plans.json"), exit_code=2)
    assert "exists and is not a report" in capsys.readouterr().err
    assert (model / "plans.json").read_bytes() == before
