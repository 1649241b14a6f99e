"""Runs Python scripts and commands in processes that begin with all third-party modules imported.

A fresh interpreter spends four seconds on importing torch and its companions; hundreds of tests start one. Here one
server per test process imports them once, and every program is a fork of it that has neither this package nor nnU-Net's
imported: it reads its own environment, arguments and module path as a fresh interpreter would.
"""

import atexit
import contextlib
import functools
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path

_THIRD_PARTY = (
    "torch",
    "torch._dynamo",
    "batchgenerators.dataloading.multi_threaded_augmenter",
    "batchgeneratorsv2.transforms.spatial.spatial",
    "batchgeneratorsv2.transforms.nnunet.random_binary_operator",
    "dynamic_network_architectures.architectures.unet",
    "acvl_utils.cropping_and_padding.padding",
    "blosc2",
    "nibabel",
    "pandas",
    "SimpleITK",
    "skimage.io",
    "skimage.transform",
    "tifffile",
    "tqdm",
)


def run_program(
    arguments: Sequence[str], environment: Mapping[str, str], timeout: float
) -> "subprocess.CompletedProcess[str]":
    """Run a Python file with its arguments to its end and return what it printed.

    Raises subprocess.TimeoutExpired after `timeout` seconds; the program is killed then.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder) / "stdout", Path(folder) / "stderr"
        process = _server().Process(
            target=_become, args=(list(arguments), dict(environment), _fresh_module_path(), output, errors)
        )
        with without_main_module():
            process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), timeout, output.read_bytes(), errors.read_bytes())
        code = process.exitcode
        return subprocess.CompletedProcess(list(arguments), code, output.read_text(), errors.read_text())


def end_server() -> None:
    """End the server of this process, of which there is one for all, so that the next may import other modules."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@contextlib.contextmanager
def server_with(modules: Sequence[str]) -> "Iterator[multiprocessing.context.ForkServerContext]":
    """Yield a server of processes that begin with these modules imported, which no other test may get."""
    end_server()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    try:
        yield context
    finally:
        end_server()


@contextlib.contextmanager
def without_main_module() -> Iterator[None]:
    """Hide, in this context, the file that this process runs: the new process would import it, and what it imports."""
    hidden = {name: vars(sys.modules["__main__"]).pop(name, None) for name in ("__file__", "__spec__")}
    sys.modules["__main__"].__spec__ = None
    try:
        yield
    finally:
        vars(sys.modules["__main__"]).update({name: value for name, value in hidden.items() if value is not None})


def _server() -> "multiprocessing.context.ForkServerContext":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_THIRD_PARTY))
    return context


@functools.cache
def _fresh_module_path() -> list[str]:
    """Return what a new interpreter of this environment has behind the folder of its script."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    script = "import sys; print(*sys.path[1:], sep='\\n')"
    return subprocess.run(
        [sys.executable, "-c", script], env=clean, capture_output=True, text=True, check=True
    ).stdout.splitlines()


def require_fresh(imported: Container[str]) -> None:
    """Raise RuntimeError if nnU-Net is imported: the program would run that one, whatever its module path says."""
    if "nnunetv2" in imported:
        raise RuntimeError("this process has nnunetv2 already: another test started the server, see end_server")


def _become(
    arguments: list[str], environment: dict[str, str], module_path: list[str], output: Path, errors: Path
) -> None:
    """Be the program that `python arguments` is, in this process."""
    for number, file in ((1, output), (2, errors)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    require_fresh(sys.modules)
    multiprocessing.set_start_method(None, force=True)  # the default again, not that of this process
    os.environ.clear()
    os.environ.update(environment)
    first = [str(Path(arguments[0]).parent), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:] = [*first, *module_path]
    sys.argv = arguments
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing's processes leave them out
