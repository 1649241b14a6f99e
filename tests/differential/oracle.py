"""Runs the same Python text with the released nnU-Net 2.8.1 (`run_oracle`) and with this package (`run_ours`).

The oracle lies in `.oracle` at the root of the checkout (`make oracle`); it is only ever run, in a subprocess.
"""

import os
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path

from tests.forked_programs import run_program

ROOT = Path(__file__).resolve().parents[2]
ORACLE = ROOT / ".oracle"
_FORKING = """
import multiprocessing
multiprocessing.get_context = lambda method=None, get_context=multiprocessing.get_context: get_context("fork")
"""


def run_oracle(
    script: str, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 600, forks: bool = False
) -> str:
    """Run `script` with stock nnU-Net and return its stdout; a failing script raises AssertionError with its output.

    Parameters:
        forks: its processes are forked on one thread, so that they need not import everything anew, which takes more
            time than all of their work.
    """
    assert (ORACLE / "nnunetv2").is_dir(), "the released nnU-Net is not installed: run `make oracle`"
    return _run(script, arguments, {**(env or {}), "PYTHONPATH": str(ORACLE)}, timeout, forks)


def run_ours(
    script: str, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = 600, forks: bool = False
) -> str:
    """Run `script` with this package, as run_oracle does with stock nnU-Net."""
    return _run(script, arguments, dict(env or {}), timeout, forks)


def command(module: str, function: str, *arguments: object) -> tuple[str, ...]:
    """Return script and arguments that call a console entry point, for `run_oracle(*command(...))`.

    The script has a main guard, so that spawned workers do not run it again.
    """
    script = f"""
        if __name__ == "__main__":
            from {module} import {function}
            {function}()
    """
    return (script, *map(str, arguments))


def _run(script: str, arguments: tuple[object, ...], env: dict[str, str], timeout: float, forks: bool) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("nnUNet_", "PYTHONPATH"))}
    defaults = {"nnUNet_compile": "f", "nnUNet_n_proc_DA": "1", "nnUNet_def_n_proc": "2", "OMP_NUM_THREADS": "2"}
    if forks:
        env["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.py"  # a real file: spawned workers import it
        file.write_text((_FORKING if forks else "") + textwrap.dedent(script))
        finished = run_program([str(file), *map(str, arguments)], {**clean, **defaults, **env}, timeout)
    assert finished.returncode == 0, f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout
