"""Small functions on tensors and devices; torch itself is imported only where one is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def softmax_helper_dim0(x: torch.Tensor) -> torch.Tensor:
    """Return the softmax over the first axis."""
    return x.softmax(0)


def softmax_helper_dim1(x: torch.Tensor) -> torch.Tensor:
    """Return the softmax over the second axis."""
    return x.softmax(1)


def sigmoid_helper(x: torch.Tensor) -> torch.Tensor:
    """Return the logistic function of each element."""
    return x.sigmoid()


def empty_cache(device: torch.device) -> None:
    """Release unused memory of a graphics device; do nothing for the CPU."""
    if device.type in ("cuda", "mps"):
        import torch

        getattr(torch, device.type).empty_cache()


class dummy_context:
    """A context manager that does nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
