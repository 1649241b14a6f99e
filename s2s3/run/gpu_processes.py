"""Runs a function in one process per GPU."""

import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from os.path import join
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch.multiprocessing as mp

from nnunetv2.errors import DriftError, WorkerDiedError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.stop_signals import Stopped, signals_watched, stops_deferred
from nnunetv2.foundation.workers import describe_exit

SECONDS_TO_END = 5.0
"""Time that the other processes have to end by themselves after one has failed."""


_SIGNALLED = 128
"""Exit codes of commands that a signal has stopped are this and its number."""


def find_free_network_port() -> int:
    """Return a free network port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def run_on_gpus(function: Callable[..., None], num_gpus: int, arguments: tuple[Any, ...]) -> None:
    """Run function(rank, *arguments) in one process per GPU, and end all of them when one fails or this one is stopped.

    When this process is stopped, it waits for the others, which may finish a step and write a checkpoint. One further
    signal is forgiven, as some launchers repeat theirs; another one, 10 s after it, or Ctrl-C, ends them at once.
    They connect at MASTER_ADDR:MASTER_PORT, by default on this machine. Raises what the command shows in one line
    (DriftError, OSError) as it was raised in a process; Stopped if a signal stopped one in order, WorkerDiedError if
    one was killed.
    """
    os.environ.setdefault("MASTER_ADDR", "localhost")
    os.environ.setdefault("MASTER_PORT", str(find_free_network_port()))
    with TemporaryDirectory() as folder:
        processes = mp.spawn(_keep_mistake, (folder, function, arguments), num_gpus, join=False)
        try:
            while not processes.join(grace_period=SECONDS_TO_END):
                pass
        except (mp.ProcessExitedException, mp.ProcessRaisedException) as end:
            if isinstance(end, mp.ProcessExitedException) and end.exit_code < 0:
                raise WorkerDiedError(f"GPU {end.error_index}: {describe_exit(end.exit_code)}") from None
            mistakes = sorted(Path(folder).glob("rank_*"))
            if mistakes:
                raise pickle.loads(mistakes[0].read_bytes()) from None
            if isinstance(end, mp.ProcessRaisedException):
                raise
            if (end.exit_code or 0) - _SIGNALLED in set(signal.Signals):
                raise Stopped(end.exit_code - _SIGNALLED) from None
            raise WorkerDiedError(f"GPU {end.error_index}: {describe_exit(end.exit_code)}") from None
        finally:
            _end(processes.processes)


def _end(processes: Sequence[Any]) -> None:
    for process in processes:
        process.terminate()
    try:
        with stops_deferred():
            for process in processes:
                process.join()
    except BaseException:
        for process in processes:
            process.kill()
        raise


def _keep_mistake(rank: int, folder: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Call function(rank, *arguments); write a user's mistake to the folder and exit with code 2."""
    try:
        with signals_watched():
            function(rank, *arguments)
    except (DriftError, OSError) as mistake:
        with replacing(join(folder, f"rank_{rank}")) as temporary:
            temporary.write_bytes(pickle.dumps(mistake))
        sys.exit(2)
