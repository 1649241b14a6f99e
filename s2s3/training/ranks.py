"""The rank of this process in a distributed training, and its share of the batch."""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from nnunetv2.errors import ArgumentError


@dataclass(frozen=True)
class Ranks:
    """The rank of this process; without torch.distributed, 0 of 1."""

    is_ddp: bool
    rank: int
    world_size: int
    local_rank: int | None = None
    """Number of this process on its machine; None: `rank`, as there is one machine."""
    local_world_size: int | None = None
    """Processes on this machine; None: all."""

    @property
    def neighbours(self) -> int:
        """Number of ranks on this machine, with this one."""
        return self.local_world_size or self.world_size

    def gather(self, value: Any) -> list[Any]:
        """Return the value of every rank, in rank order; values must be picklable."""
        if not self.is_ddp:
            return [value]
        gathered: list[Any] = [None] * self.world_size
        dist.all_gather_object(gathered, value)
        return gathered

    def highest(self, value: int, device: torch.device) -> int:
        """Return the highest value of all ranks, exchanged on their devices; quicker than `gather`."""
        if not self.is_ddp:
            return value
        shared = torch.tensor(value, device=device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return int(shared.item())

    def wait_for_all(self) -> None:
        """Wait until every rank has called this."""
        if self.is_ddp:
            dist.barrier()

    def device(self, wanted: torch.device) -> torch.device:
        """Return the device to compute on: a CUDA device always with a number, under DDP that of the rank."""
        if self.is_ddp:
            number = self.rank if self.local_rank is None else self.local_rank
            return torch.device("cuda", number) if wanted.type == "cuda" else wanted
        return torch.device("cuda", wanted.index or 0) if wanted.type == "cuda" else wanted


def current_ranks() -> Ranks:
    """Return the rank of this process."""
    if dist.is_available() and dist.is_initialized():
        on_machine = (_number(name) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
        return Ranks(True, dist.get_rank(), dist.get_world_size(), *on_machine)
    return Ranks(False, 0, 1)


def _number(variable: str) -> int | None:
    """Return a variable of torchrun; None if it is unset or no number."""
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True)
class BatchShare:
    """One rank's share of a batch."""

    batch_size: int
    oversample: float
    """Fraction of the rank's samples that are drawn to contain foreground."""


def share_batch(global_batch: int, world_size: int, rank: int, oversample: float) -> BatchShare:
    """Return the share of `rank` in a batch of `global_batch` samples.

    The samples are assigned in order, the first ranks taking one more if they do not divide evenly. Of the whole batch,
    the samples from number round(global_batch * (1 - oversample)) on are forced to contain foreground, and each rank
    forces those it is assigned. Raises ArgumentError if there are fewer samples than ranks.
    """
    if global_batch < world_size:
        raise ArgumentError(
            f"batch size {global_batch} is smaller than the number of GPUs, {world_size}: each GPU needs a sample; "
            "use fewer GPUs or a larger batch_size in the plans"
        )
    sizes = [global_batch // world_size + (r < global_batch % world_size) for r in range(world_size)]
    first = sum(sizes[:rank])
    return BatchShare(sizes[rank], _oversample_of(range(first, first + sizes[rank]), global_batch, oversample))


def batch_sizes(global_batch: int, own: int) -> list[int]:
    """Return the batch size of every rank; without DDP only `own`, which a trainer may have changed."""
    ranks = current_ranks()
    if not ranks.is_ddp:
        return [own]
    return [share_batch(global_batch, ranks.world_size, rank, 0.0).batch_size for rank in range(ranks.world_size)]


def _oversample_of(samples: range, global_batch: int, oversample: float) -> float:
    if samples.stop / global_batch < 1 - oversample:
        return 0.0
    if samples.start / global_batch > 1 - oversample:
        return 1.0
    first_forced = round(global_batch * (1 - oversample))
    return sum(sample >= first_forced for sample in samples) / len(samples)
