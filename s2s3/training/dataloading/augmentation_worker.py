"""The main loop of an augmentation process."""

import multiprocessing
import multiprocessing.connection
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnunetv2.foundation.workers import describe_failure
from nnunetv2.training.dataloading.batch_memory import share_batches

LONGEST_CASE_NAME = 255


@dataclass(frozen=True)
class Failure:
    """Sent instead of a batch that could not be made."""

    error: BaseException


def make_batches(
    connection: Any,
    other_end: Any,
    loader: Any,
    transform: Callable[..., Any] | None,
    number: int,
    seed: int | None,
    current_case: Any,
) -> None:
    """Answer each request on `connection` with a batch or a Failure, until it closes or the parent ends.

    The process keeps running after a failure: earlier batches can only be received while it is alive.

    Parameters:
        other_end: the parent's end of the pipe, closed here so that the death of the parent is noticed.
        current_case: shared bytes that hold the name of the current case.
    """
    _ignore_signals()
    other_end.close()
    seed_this_process(seed)
    share_batches()
    with threadpool_limits(1, None), suppress(EOFError, BrokenPipeError, ConnectionResetError):
        loader.set_thread_id(number)
        loader.announce_case = lambda case: _write(current_case, case)
        while _wait_for_request(connection):
            try:
                batch = next(loader)
                if transform is not None:
                    batch = transform(**batch)
            except Exception as error:
                batch = Failure(describe_failure(read_case(current_case), error))
            connection.send(batch)


def _ignore_signals() -> None:
    """Leave signals that schedulers and terminals send to all processes of a job to the parent, which ends this one."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def seed_this_process(seed: int | None) -> None:
    """Seed numpy, torch and random of this process separately; None takes entropy from the system.

    Forked processes would otherwise all continue with the parent's torch generator.
    """
    import torch

    torch.set_num_threads(1)
    numpy_seed, torch_seed, python_seed = np.random.SeedSequence(seed).generate_state(3)
    np.random.seed(numpy_seed)
    torch.manual_seed(int(torch_seed))
    random.seed(int(python_seed))


def _wait_for_request(connection: Any) -> bool:
    parent = multiprocessing.parent_process()
    sentinels = [] if parent is None else [parent.sentinel]
    ready = multiprocessing.connection.wait([connection, *sentinels])
    if connection not in ready:
        return False
    connection.recv()
    return True


def _write(shared: Any, case: str) -> None:
    shared.value = case.encode()[:LONGEST_CASE_NAME]


def read_case(shared: Any) -> str:
    """Return the case name that the process wrote last."""
    return shared.value.decode(errors="replace") or "unknown"
