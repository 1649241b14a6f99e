"""Calls a network for one batch after the other, or for several at once on the CPU.

Threads within an operation wait for each other hundreds of times in a network; calls side by side do not. Each has a
part of the threads then, with which some convolutions round in another way: those get all threads, see CpuOperations.
Networks for volumes, in which finding out takes long, are called one after the other.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from math import prod
from typing import Any

import torch
from torch import nn

from nnunetv2.networks.cpu_operations import CpuOperations
from nnunetv2.networks.cpu_precision import as_float32, look_at, reduced_precision, uses_bfloat16

_MOST_CALLS = 4
"""At once: each holds the activations of a network."""
_LARGEST_BATCH = 1 << 22
"""Numbers in a batch beyond which calls side by side need too much memory, and threads in an operation have enough."""
_AXES_OF_PICTURES = 4
_KNOWN_PACKAGES = ("torch.", "dynamic_network_architectures.")
"""Of networks that keep nothing from one call to the next in evaluation."""


def call_for_each(
    network: Callable[[torch.Tensor], torch.Tensor],
    batches: Sequence[Callable[[], torch.Tensor]],
    has_regions: bool = False,
) -> Iterator[torch.Tensor]:
    """Yield what the network gives for each batch, in their order.

    Parameters:
        batches: functions that make the batches, of equal size; each is called just before it is needed.
        has_regions: whether each channel of what the network gives is a region of its own, where it is above zero.
    """
    first = batches[0]()
    calls = [lambda: first, *batches[1:]]
    if first.device.type != "cpu" or torch.is_autocast_enabled("cpu"):  # the caller's own precision
        yield from (network(make_batch()) for make_batch in calls)
        return
    is_plain = _is_plain(network)
    fast_float32 = partial(CpuOperations, torch.get_num_threads()) if is_plain else nullcontext
    reduces = uses_bfloat16(network)
    precision = reduced_precision if reduces else fast_float32
    at_once = 1 if torch.is_grad_enabled() else calls_at_once(network, len(batches), first.shape)
    in_turns = _side_by_side(network, calls, at_once, precision) if at_once > 1 else _each(network, calls, precision)

    def looked_at() -> torch.Tensor:
        prediction = next(in_turns)
        if not reduces:
            look_at(network, first, prediction, has_regions)
        return prediction

    yield looked_at()
    yield from in_turns


def _each(
    network: Callable[[torch.Tensor], torch.Tensor],
    calls: Sequence[Callable[[], torch.Tensor]],
    precision: Callable[[], AbstractContextManager[Any]],
) -> Iterator[torch.Tensor]:
    """Yield predictions, none of which stays in memory because of this function while the next one is computed."""

    def call(make_batch: Callable[[], torch.Tensor]) -> torch.Tensor:
        with precision():
            prediction = network(make_batch())
        return as_float32(prediction)

    yield from map(call, calls)


def _is_plain(network: Any) -> bool:
    """Tell whether only known code runs in a network: no hooks, nothing compiled, no classes of others."""
    return isinstance(network, nn.Module) and all(
        type(module).__module__.startswith(_KNOWN_PACKAGES)
        and not isinstance(module, torch.jit.ScriptModule)
        and not hasattr(module, "_orig_mod")
        and "forward" not in module.__dict__
        and not module.training
        and not (module._forward_hooks or module._forward_pre_hooks)
        for module in network.modules()
    )


def calls_at_once(network: Any, calls: int, batch_shape: Sequence[int]) -> int:
    """Return how many of so many calls on the CPU go side by side: the most that share the threads evenly."""
    threads = torch.get_num_threads()
    if len(batch_shape) != _AXES_OF_PICTURES or prod(batch_shape) > _LARGEST_BATCH or not _is_plain(network):
        return 1
    return max(count for count in range(1, _MOST_CALLS + 1) if calls % count == 0 and count <= threads)


def _side_by_side(
    network: Callable[[torch.Tensor], torch.Tensor],
    calls: Sequence[Callable[[], torch.Tensor]],
    at_once: int,
    precision: Callable[[], AbstractContextManager[Any]],
) -> Iterator[torch.Tensor]:
    inference, before = torch.is_inference_mode_enabled(), torch.get_num_threads()

    def call(make_batch: Callable[[], torch.Tensor]) -> torch.Tensor:
        # These modes belong to a thread, and a network finds no gradients in the caller's.
        with torch.inference_mode(inference), torch.no_grad(), precision():
            return as_float32(network(make_batch()))

    with _same_number_of_threads(before), _workers(at_once, before // at_once) as pool:
        predictions = deque(pool.map(call, calls))
    while predictions:
        yield predictions.popleft()


@contextmanager
def _same_number_of_threads(number: int) -> Iterator[None]:
    """Undo what other threads told torch, which counts for those that begin later."""
    try:
        yield
    finally:
        torch.set_num_threads(number)


def _workers(count: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "network", partial(torch.set_num_threads, threads))
