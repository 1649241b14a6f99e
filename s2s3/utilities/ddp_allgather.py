"""Gather tensors of all ranks so that gradients flow back."""

import sys
from typing import Any

import torch
from torch import distributed


def print_if_rank0(*args: object) -> None:
    """Write one line to standard output, on rank 0 or if there are no ranks."""
    if not distributed.is_initialized() or distributed.get_rank() == 0:
        sys.stdout.write(" ".join(map(str, args)) + "\n")


class AllGatherGrad(torch.autograd.Function):
    """Stack a tensor of shape (...) of all W ranks to (W, ...); shapes have to be equal on all ranks.

    Backward sums the incoming gradient over ranks and returns this rank's part. With a loss that every rank computes
    from the gathered values this is W times the gradient of the single loss, and averaging over ranks restores it.
    """

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, group: "torch.distributed.ProcessGroup | None" = None) -> torch.Tensor:
        """Return the tensors of all ranks, shape (W, ...)."""
        ctx.group = group
        tensor = tensor.contiguous()
        parts = [torch.empty_like(tensor) for _ in range(distributed.get_world_size(group=group))]
        distributed.all_gather(parts, tensor, group=group)
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *grad_output: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the gradient of this rank's tensor, summed over ranks."""
        total = grad_output[0].clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total, op=distributed.ReduceOp.SUM, group=ctx.group)
        return total[distributed.get_rank(group=ctx.group)], None
