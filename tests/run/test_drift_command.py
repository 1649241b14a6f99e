"""The command `drift`, and the help of all commands: quick, and without the libraries that take long to load."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nnunetv2.run.drift_command import SUB_COMMANDS, main, usage
from nnunetv2.run.slide_command import _COMMANDS as SLIDE_COMMANDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
SCRIPTS = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]
COMMANDS = [
    *([name] for name in SCRIPTS),
    *(["drift", name] for name in SUB_COMMANDS),
    *(["drift", "slide", name] for name in SLIDE_COMMANDS),
]
SLOW_LIBRARIES = (
    *("numpy", "torch", "scipy", "skimage", "SimpleITK", "nibabel", "blosc2", "tifffile"),
    *("pandas", "matplotlib", "PIL", "tqdm"),
)
LONGEST_HELP_S = 0.4


@pytest.mark.parametrize("arguments", [[], ["convrt"], ["--version"]])
def test_a_wrong_command_is_one_line_that_lists_the_right_ones(
    arguments: list[str], run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(main, *arguments, exit_code=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    known = "start, prism, domains, splits, convert, ablate, slide, report, serve, export-onnx, container, doctor"
    assert f"expected one of {known}" in line


def test_the_help_names_every_command(run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    run_command(main, "--help")
    assert capsys.readouterr().out.strip() == usage()
    assert all(f"  {name} " in usage() for name in SUB_COMMANDS)


def test_a_sub_command_gets_the_arguments_that_follow_it(
    run_command: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(main, "doctor", "--help")
    assert "usage: drift doctor" in capsys.readouterr().out
    run_command(main, "doctor", "--surplus", exit_code=2)


@pytest.mark.skipif(os.name == "nt", reason="needs os.wait4")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_takes_a_moment_and_loads_no_slow_library(command: list[str]) -> None:
    """The limit is one of CPU time: how long it takes by the clock depends on what else the machine does."""
    module, function = SCRIPTS[command[0]].split(":")
    script = (
        f"import sys, {module}\nsys.argv = {[*command, '--help']!r}\n"
        f"try:\n    {module}.{function}()\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', sorted({set(SLOW_LIBRARIES)!r} & set(sys.modules)))"
    )
    helping = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert helping.stdout is not None
    with helping.stdout as stream:
        text = stream.read()
    _, status, used = os.wait4(helping.pid, 0)
    helping.returncode = os.waitstatus_to_exitcode(status)
    assert helping.returncode == 0
    assert "usage: " in text
    assert text.splitlines()[-1] == "loaded: []"
    assert used.ru_utime + used.ru_stime < LONGEST_HELP_S
