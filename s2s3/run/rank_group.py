"""The processes of a distributed training: how they find each other, and which one is missing when they lose touch."""

import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from nnunetv2.errors import DriftError, SettingsError, WorkerDiedError

SECONDS_TO_ANSWER = 2.0
"""Time that living ranks have to answer a roll call; they lose touch with a dead one at the same time."""
_SECONDS_TO_MEET = 600.0
_LOST = ("closed by peer", "reset by peer", "broken pipe", "connection refused", "socket", "timed out")
_LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE")


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether torchrun, or a script in its manner, started this as one of several processes."""
    return all(name in environment for name in _LAUNCHED) and rank_variable("WORLD_SIZE", 1) > 1


def rank_variable(name: str, default: int) -> int:
    """Return a number that torchrun sets; SettingsError if it is none."""
    text = os.environ.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{name} is {text!r:.60}, expected a whole number, as torchrun sets it")
    return int(text)


def join_group(rank: int, world_size: int, backend: str) -> None:
    """Meet the other ranks at MASTER_ADDR:MASTER_PORT, and leave a name for a roll call."""
    store, rank, world_size = next(
        dist.rendezvous("env://", rank, world_size, timeout=timedelta(seconds=_SECONDS_TO_MEET))
    )
    _Roll.store = store
    store.set(f"name of rank {rank}", f"process {os.getpid()} on {platform.node()}")
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size)


@contextmanager
def naming_missing_ranks() -> Iterator[None]:
    """Turn the error of a lost connection into a WorkerDiedError that names the ranks that have ended."""
    try:
        yield
    except RuntimeError as error:
        if not _has_lost_touch(error):
            raise
        raise WorkerDiedError(f"{_missing_ranks()}, so that the training ends ({_first_line(error)})") from None


class _Roll:
    store: dist.Store | None = None


def _has_lost_touch(error: RuntimeError) -> bool:
    text = str(error).lower()
    if isinstance(error, DriftError):
        return False
    return dist.is_initialized() and (isinstance(error, dist.DistError) or any(part in text for part in _LOST))


def _missing_ranks() -> str:
    """Call the roll, and return the ranks that do not answer in words."""
    store, own, count = _Roll.store, dist.get_rank(), dist.get_world_size()
    if store is None:
        return "the connection to another rank was lost"
    try:
        store.set(f"rank {own} is here", "")
        time.sleep(SECONDS_TO_ANSWER)
        missing = [rank for rank in range(count) if not store.check([f"rank {rank} is here"])]
        named = [f"rank {rank} ({store.get(f'name of rank {rank}').decode()})" for rank in missing]
    except RuntimeError:  # the store is in the process of rank 0, unless torchrun has it
        return "rank 0, or the computer that it ran on, has ended"
    return f"{', '.join(named)} has ended" if named else "the connection between the ranks was lost"


def _first_line(error: RuntimeError) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def leave_group() -> None:
    """Leave the group; also where joining failed half-way."""
    _Roll.store = None
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def as_launched_rank(device: torch.device) -> Iterator[torch.device]:
    """Be the rank as which torchrun has started this process, and yield its device; otherwise change nothing."""
    if not is_launched() or dist.is_initialized():
        yield device
        return
    own = _device_of_rank(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    join_group(rank_variable("RANK", 0), rank_variable("WORLD_SIZE", 1), backend)
    with naming_missing_ranks():
        yield own
    leave_group()


def _device_of_rank(device: torch.device) -> torch.device:
    """Return the device, on CUDA that with the rank's number on its machine, which becomes the current one."""
    if device.type != "cuda":
        return device
    number = rank_variable("LOCAL_RANK", 0)
    if number >= torch.cuda.device_count():
        raise SettingsError(
            f"LOCAL_RANK is {number}, but this machine has {torch.cuda.device_count()} CUDA devices; start as many "
            "processes on a machine as it has GPUs"
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
