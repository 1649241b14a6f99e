"""The command `drift`, and the help of all commands: quick, and without the libraries that take long to load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnunetv2.run.drift_command import SUB_COMMANDS, main, usage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
SCRIPTS = tomllib.loads(PYPROJECT.read_text())["project"]["scripts"]
COMMANDS = [[name] for name in SCRIPTS] + [["drift", name] for name in SUB_COMMANDS]
SLOW_LIBRARIES = ("torch", "scipy", "skimage", "SimpleITK", "nibabel", "blosc2", "pandas", "matplotlib", "PIL", "tqdm")
LONGEST_HELP_S = 0.5


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["drift", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize("arguments", [[], ["convrt"], ["--version"]])
def test_a_wrong_command_is_one_line_that_lists_the_right_ones(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "expected one of prism, domains, splits, convert, ablate, slide, report, doctor" in line


def test_the_help_names_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["drift", "--help"])
    main()
    assert capsys.readouterr().out.strip() == usage()
    assert all(f"  {name} " in usage() for name in SUB_COMMANDS)


def test_a_sub_command_gets_the_arguments_that_follow_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "doctor", "--help") == 0
    assert "usage: drift doctor" in capsys.readouterr().out
    assert run(monkeypatch, "doctor", "--surplus") == 2


@pytest.mark.skipif(os.name == "nt", reason="needs os.wait4")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_takes_less_than_half_a_second_and_loads_no_slow_library(command: list[str]) -> None:
    """Half a second of a processor: how long it takes by the clock depends on what else the machine does."""
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
