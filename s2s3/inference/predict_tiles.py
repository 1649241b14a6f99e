"""Predicts an image tile by tile: cut, predict, sum up.

What is predicted need not be a tensor: an object with a `shape` that gives the tile (C, *tile) at a position will do,
and whoever cannot keep the logits of a whole image in memory sums up `predicted_tiles` in parts.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import torch

from nnunetv2.errors import CallError
from nnunetv2.inference.empty_tiles import EmptyTiles
from nnunetv2.inference.sliding_window_prediction import Slicer, mirror_combinations
from nnunetv2.inference.tile_accumulation import InvalidLogitsError, LogitOverflowError, TileSum
from nnunetv2.inference.tile_batches import BatchSize, Returning, TileBatches, begun_ahead, sent
from nnunetv2.networks.several_calls import call_for_each

Result = TypeVar("Result")


@dataclass(frozen=True)
class TileWork:
    """What is done with the tiles of an image."""

    predict_tile: Callable[[torch.Tensor], torch.Tensor]
    """Returns the logits (B, K, *tile) of a batch of tiles (B, C, *tile)."""
    num_channels: int
    """Channels of the logits, K."""
    weights: torch.Tensor | None
    """Importance of each voxel of a tile, on the device of the results; None weights all equally."""
    network_device: torch.device
    results_device: torch.device
    make_bar: Callable[..., AbstractContextManager[Any]]
    """Makes a progress bar, as tqdm does, for a `total` of tiles."""
    before_tile: Callable[[], None] = lambda: None
    """Watches what goes on in the background."""
    skips_empty: bool = False
    """Whether tiles of one constant value in each channel are predicted once only; not with several at once."""
    batch_size: BatchSize = field(default_factory=lambda: BatchSize(1))


def predict_tiles(image: torch.Tensor, slicers: Sequence[Slicer], work: TileWork) -> torch.Tensor:
    """Return the logits (K, *image) of an image (C, *image), which is at least as large as a tile.

    Half precision, or float32 if half cannot hold them. Raises InvalidLogitsError for NaN and infinite values.
    """
    try:
        return _sum_up(image, slicers, work, torch.half)
    except LogitOverflowError:
        pass  # once more outside of the handler, which keeps the sum in memory
    try:
        logits = _sum_up(image, slicers, work, torch.float32)
    except LogitOverflowError:
        raise InvalidLogitsError("the network predicted infinite values; is the checkpoint damaged?") from None
    half = logits.half()
    return half if torch.isfinite(half).all() else logits


def _sum_up(image: torch.Tensor, slicers: Sequence[Slicer], work: TileWork, dtype: torch.dtype) -> torch.Tensor:
    total = TileSum(work.num_channels, image.shape[1:], work.weights, work.results_device, dtype)
    for logits, where in predicted_tiles(image.to(work.results_device), slicers, work):
        total.add(logits, where)
    return total.mean()


def predicted_tiles(image: Any, slicers: Sequence[Slicer], work: TileWork) -> Iterator[tuple[torch.Tensor, Slicer]]:
    """Yield the logits (K, *tile) of each tile, on the device of the results, and its position."""
    batches = _predicted_batches(image, slicers, work)
    with work.make_bar(total=len(slicers)) as bar:
        for places, batch in begun_ahead(batches) if work.network_device.type == "cuda" else batches:
            logits = batch.get()
            for number, where in enumerate(places):
                yield logits[number], where
                bar.update()
            del batch, logits  # which would be in memory while the next batch is predicted


def _predicted_batches(
    image: Any, slicers: Sequence[Slicer], work: TileWork
) -> Iterator[tuple[Sequence[Slicer], Returning]]:
    """Yield the positions of a batch of tiles and their logits, (B, K, *tile)."""
    if work.skips_empty:
        predict = TileBatches(EmptyTiles(work.predict_tile), BatchSize(1))
    else:
        predict = TileBatches(work.predict_tile, work.batch_size)
    remaining = iter(slicers)
    while places := list(islice(remaining, predict.size.tiles)):
        work.before_tile()
        tiles = torch.stack([image[where] for where in places])
        yield places, Returning(predict(sent(tiles, work.network_device)), work.results_device)


def mean_of_mirrored(
    network: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor, axes: Sequence[int], has_regions: bool = False
) -> torch.Tensor:
    """Return the logits of a batch (B, C, *tile), averaged over it and its versions mirrored along spatial `axes`."""
    if axes and max(axes) > batch.ndim - 3:
        raise CallError(f"mirroring axes {axes} do not exist in a batch of {batch.ndim} axes")
    combinations = mirror_combinations(axes)
    mirrored_batches = [partial(torch.flip, batch, axes) for axes in combinations]
    predictions = call_for_each(network, [lambda: batch, *mirrored_batches], has_regions)
    prediction = next(predictions)
    for mirrored in combinations:  # a name for what comes next would keep it in memory while the one after is computed
        prediction += torch.flip(next(predictions), mirrored)
    if combinations:
        prediction /= len(combinations) + 1
    return prediction


def where_memory_allows(predict: Callable[[bool], Result], on_device: bool, make_room: Callable[[], None]) -> Result:
    """Call `predict`, with False instead of `on_device` if the device runs out of memory."""
    try:
        return predict(on_device)
    except RuntimeError as error:
        if not on_device or "out of memory" not in str(error).lower():
            raise
    make_room()
    return predict(False)
