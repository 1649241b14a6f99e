"""Operations of a network that take less time on the CPU in another memory layout, with the same result bit for bit.

Transposed convolutions of oneDNN read and write channels last. torch turns the layout of their results along the wrong
axis first, which takes several times as long as the convolution itself; as the transposition of a matrix it is fast.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_CHANNELS_LAST = {torch.conv_transpose2d: torch.channels_last, torch.conv_transpose3d: torch.channels_last_3d}
_FEWEST_VOXELS = 1 << 18
"""Numbers in the result of an operation from which on a trial of both ways is worth its time."""
_KEPT_TRIALS = 256
_CONVOLUTIONS = (torch.conv2d, *_CHANNELS_LAST)
_FEWEST_ARGUMENTS = 2
_ONE_TRIAL = Lock()
"""Calls side by side need the same trials; one makes each."""


class CpuOperations(TorchFunctionMode):
    """Within this context, networks without gradients on the CPU use the faster operations.

    An operation is replaced only if both ways gave equal bits for an input of the same size on this computer.

    Parameters:
        threads: with which convolutions run, in a thread that has fewer, if the number changes how they round.
    """

    def __init__(self, threads: int | None = None):
        super().__init__()
        self._threads = threads

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call `func`, or what takes less time."""
        if func not in _CONVOLUTIONS or kwargs or len(args) < _FEWEST_ARGUMENTS:
            return func(*args, **(kwargs or {}))
        with _threads_of(self._threads_for(func, args)):
            return _convolved(func, args)

    def _threads_for(self, func: Callable[..., Any], args: tuple[Any, ...]) -> int:
        before = torch.get_num_threads()
        if self._threads is None or self._threads == before:
            return before
        with _ONE_TRIAL:
            has_bias = len(args) > _FEWEST_ARGUMENTS and args[_FEWEST_ARGUMENTS] is not None
            alike = _rounds_alike(func, *_described(args), has_bias, (before, self._threads))
        return before if alike else self._threads


def _convolved(func: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    if func in _CHANNELS_LAST and _is_suited(*args[:2]):
        image, weight, bias, *settings = (*args, None)[: max(3, len(args))]
        if _pays_off(func, *_described(args), torch.get_num_threads()):
            return _through_channels_last(func, image, weight, bias, *settings)
    return func(*args)


def _described(args: tuple[Any, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Any, ...]]:
    """Return the shapes of image and weights, and the further settings, of the arguments of a convolution."""
    settings = tuple(tuple(setting) if isinstance(setting, list) else setting for setting in args[3:])
    return tuple(args[0].shape), tuple(args[1].shape), settings


@contextmanager
def _threads_of(number: int) -> Iterator[None]:
    """Let operations in this thread use so many threads."""
    before = torch.get_num_threads()
    if number == before:
        yield
        return
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=_KEPT_TRIALS)
def _rounds_alike(
    operation: Callable[..., Any],
    image_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    settings: tuple[Any, ...],
    has_bias: bool,
    threads: tuple[int, int],
) -> bool:
    """Tell whether an operation gives the same bits with both numbers of threads, for random numbers."""
    image, weight = _random_numbers(image_shape, weight_shape)
    bias = _random_bias(operation, image, weight, settings) if has_bias else None
    results = []
    for number in threads:
        with _threads_of(number):
            results.append(operation(image, weight, bias, *settings))
    return torch.equal(*results)


def _random_bias(
    operation: Callable[..., Any], image: torch.Tensor, weight: torch.Tensor, settings: tuple[Any, ...]
) -> torch.Tensor:
    return _random_numbers(operation(image[:1], weight, None, *settings).shape[1:2])[0]


def _random_numbers(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _is_suited(image: torch.Tensor, weight: torch.Tensor) -> bool:
    """Tell whether this is what a network of float32 does with a batch in the usual layout."""
    return (
        torch.backends.mkldnn.is_available()
        and not torch.is_grad_enabled()
        and all(tensor.dtype is torch.float32 and tensor.device.type == "cpu" for tensor in (image, weight))
        and image.ndim == weight.ndim
        and image.is_contiguous()
        and image.numel() // image.shape[1] * math.prod(weight.shape[1:]) >= _FEWEST_VOXELS
    )


@lru_cache(maxsize=_KEPT_TRIALS)
def _pays_off(
    operation: Callable[..., Any],
    image_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    settings: tuple[Any, ...],
    threads: int,
) -> bool:
    """Tell whether both ways give the same bits for random numbers, and the one through channels last is faster."""
    image, weight = _random_numbers(image_shape, weight_shape)
    bias = _random_bias(operation, image, weight, settings)
    results, seconds = [], []
    for way in (_through_channels_last, _as_it_is):
        start = time.perf_counter()
        results.append(way(operation, image, weight, bias, *settings))
        seconds.append(time.perf_counter() - start)
    return seconds[0] < seconds[1] and torch.equal(*results)


def _as_it_is(operation: Callable[..., torch.Tensor], *arguments: Any) -> torch.Tensor:
    return operation(*arguments)


def _through_channels_last(
    operation: Callable[..., torch.Tensor], image: torch.Tensor, *arguments: Any
) -> torch.Tensor:
    channels_last = torch.empty_like(image, memory_format=_CHANNELS_LAST[operation])
    for source, target in zip(image, channels_last, strict=True):
        _as_rows_of_channels(target).copy_(source.flatten(1).t())
    turned = operation(channels_last, *arguments)
    result = torch.empty(turned.shape)
    for source, target in zip(turned, result, strict=True):
        target.flatten(1).copy_(_as_rows_of_channels(source).t())
    return result


def _as_rows_of_channels(image: torch.Tensor) -> torch.Tensor:
    """Return (C, *size) in the layout with channels last as the matrix (voxels, C) in the same memory."""
    return image.movedim(0, -1).flatten(0, -2)
