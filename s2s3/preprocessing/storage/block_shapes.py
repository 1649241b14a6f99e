"""Shapes of the blocks and chunks that arrays are stored in, so that reading a patch touches little else."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log2, prod

from nnunetv2.errors import InvalidValueError

Shape4D = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Limits:
    """Sizes of an array's spatial axes and of the patch, and how large blocks and chunks may become."""

    sizes: tuple[int, ...]
    patch: tuple[int, ...]
    is_2d: bool
    bytes_per_element: int
    block_bytes: int
    chunk_bytes: int
    grow_singletons: bool
    widest: tuple[int, ...]
    """Largest useful chunk length of each axis."""


def comp_blosc2_params(
    image_size: Sequence[int],
    patch_size: Sequence[int],
    bytes_per_pixel: int = 4,
    max_block_nbytes: int = 131072,
    max_chunk_nbytes: int = 6291456,
    max_chunk_to_patch_ratio_per_axis: float | None = 1.5,
    grow_singleton_patch_axes: bool = False,
) -> tuple[Shape4D, Shape4D]:
    """Return the shapes (1, x, y, z) of a block and of a chunk for an array of `image_size` (C, x, y, z).

    Lengths of blocks are powers of two near those of the patch, within `max_block_nbytes`; chunks consist of blocks,
    within `max_chunk_nbytes`, and are not much longer than the patch along any axis. Raises InvalidValueError (a
    ValueError) for sizes of the wrong length or limits below the size of one element.
    """
    _check_sizes(image_size, patch_size)
    _check_limits(bytes_per_pixel, max_block_nbytes, max_chunk_nbytes, max_chunk_to_patch_ratio_per_axis)
    sizes = tuple(int(size) for size in image_size[1:])
    patch = tuple(int(size) for size in patch_size)
    patch = (1,) * (3 - len(patch)) + patch
    ratio = max_chunk_to_patch_ratio_per_axis
    limits = _Limits(
        sizes=sizes,
        patch=patch,
        is_2d=len(patch_size) == 2,
        bytes_per_element=int(bytes_per_pixel),
        block_bytes=min(int(max_block_nbytes), int(max_chunk_nbytes)),
        chunk_bytes=int(max_chunk_nbytes),
        grow_singletons=grow_singleton_patch_axes,
        widest=tuple(
            max(1, size if ratio is None else min(size, floor(ratio * length)))
            for size, length in zip(sizes, patch, strict=True)
        ),
    )
    block = _block(limits)
    chunk = _chunk(limits, block)
    return (1, block[0], block[1], block[2]), (1, chunk[0], chunk[1], chunk[2])


def _check_sizes(image_size: Sequence[int], patch_size: Sequence[int]) -> None:
    if len(image_size) != 4 or min(image_size) < 1:
        raise InvalidValueError(f"image_size has to be four numbers (c, x, y, z) above 0, got {tuple(image_size)}")
    if len(patch_size) not in (2, 3) or min(patch_size) < 1:
        raise InvalidValueError(f"patch_size has to be two or three numbers above 0, got {tuple(patch_size)}")


def _check_limits(element: int, block: int, chunk: int, ratio: float | None) -> None:
    if element < 1 or block < element or chunk < element:
        raise InvalidValueError(
            f"one element ({element} bytes) has to have a positive size and fit a block ({block}) and a chunk ({chunk})"
        )
    if ratio is not None and ratio < 1:
        raise InvalidValueError(f"max_chunk_to_patch_ratio_per_axis has to be at least 1 or None, got {ratio}")


def _block(limits: _Limits) -> list[int]:
    """Start with the powers of two around the patch and shorten the relatively longest axis until it fits."""
    block = [min(2 ** ceil(log2(length)), size) for length, size in zip(limits.patch, limits.sizes, strict=True)]
    while prod(block) * limits.bytes_per_element > limits.block_bytes:
        longest = max((axis for axis in range(3) if block[axis] > 1), key=lambda a: (block[a] / limits.widest[a], a))
        block[longest] = 2 ** (ceil(log2(block[longest])) - 1)
    return block


def _chunk(limits: _Limits, block: list[int]) -> list[int]:
    """Start with one block and lengthen the relatively shortest axis by a block while anything fits."""
    chunk = list(block)
    while True:
        grown = {axis: _grown(limits, chunk, block, axis) for axis in range(3) if _may_grow(limits, chunk, axis)}
        fitting = [
            axis for axis, shape in grown.items() if prod(shape) * limits.bytes_per_element <= limits.chunk_bytes
        ]
        if not fitting:
            return chunk
        shortest = min(fitting, key=lambda a: (chunk[a] / limits.widest[a], -limits.sizes[a], a))
        chunk = grown[shortest]


def _may_grow(limits: _Limits, chunk: list[int], axis: int) -> bool:
    if limits.is_2d and axis == 0:
        return False
    if limits.patch[axis] == 1 and not limits.grow_singletons:
        return False
    return chunk[axis] < min(limits.sizes[axis], limits.widest[axis])


def _grown(limits: _Limits, chunk: list[int], block: list[int], axis: int) -> list[int]:
    grown = list(chunk)
    grown[axis] = min(chunk[axis] + block[axis], limits.sizes[axis], limits.widest[axis])
    return grown
