"""Runs a function in one process per GPU."""

import os
import pickle
import socket
import sys
from collections.abc import Callable
from os.path import join
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch.multiprocessing as mp

from nnunetv2.errors import DriftError, WorkerDiedError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.workers import describe_exit

SECONDS_TO_END = 5.0
"""Time that the other processes have to end by themselves after one has failed."""


def find_free_network_port() -> int:
    """Return a free network port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def run_on_gpus(function: Callable[..., None], num_gpus: int, arguments: tuple[Any, ...]) -> None:
    """Run function(rank, *arguments) in one process per GPU, and end all of them when one fails or this one is stopped.

    They connect at MASTER_ADDR:MASTER_PORT, by default on this machine. Raises what the command shows in one line
    (DriftError, OSError) as it was raised in a process; WorkerDiedError if one was killed.
    """
    os.environ.setdefault("MASTER_ADDR", "localhost")
    os.environ.setdefault("MASTER_PORT", str(find_free_network_port()))
    with TemporaryDirectory() as folder:
        processes = mp.spawn(_keep_mistake, (folder, function, arguments), num_gpus, join=False)
        try:
            while not processes.join(grace_period=SECONDS_TO_END):
                pass
        except (mp.ProcessExitedException, mp.ProcessRaisedException) as end:
            mistakes = sorted(Path(folder).glob("rank_*"))
            if mistakes:
                raise pickle.loads(mistakes[0].read_bytes()) from None
            if isinstance(end, mp.ProcessRaisedException):
                raise
            raise WorkerDiedError(f"GPU {end.error_index}: {describe_exit(end.exit_code)}") from None
        finally:
            for process in processes.processes:
                process.terminate()


def _keep_mistake(rank: int, folder: str, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    """Call function(rank, *arguments); write a user's mistake to the folder and exit with code 2."""
    try:
        function(rank, *arguments)
    except (DriftError, OSError) as mistake:
        with replacing(join(folder, f"rank_{rank}")) as temporary:
            temporary.write_bytes(pickle.dumps(mistake))
        sys.exit(2)
