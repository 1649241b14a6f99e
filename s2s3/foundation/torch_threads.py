"""How many threads torch uses: this process's share of the CPUs, unless OMP_NUM_THREADS decides."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from s1.cpus import allowed_threads, network_threads, requested_threads


def set_threads_for(device_type: str) -> None:
    """Set torch's threads for a network on "cpu" (all CPUs but those that feed it) or "cuda" (one)."""
    import torch

    if device_type == "cpu":
        torch.set_num_threads(network_threads())
    if device_type == "cuda":
        torch.set_num_threads(requested_threads() or 1)
        with suppress(RuntimeError):  # it was set before
            torch.set_num_interop_threads(1)


def threads_in_use() -> int:
    """Return the number of torch's threads; 0 if torch is not loaded."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch is not None else 0


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads, at most as many as are allowed, in this context; 0 keeps their number.

    Does nothing if torch is not loaded.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(min(count or before, allowed_threads()))
    try:
        yield
    finally:
        torch.set_num_threads(before)
