"""Lay out glass, tumour nests and stroma as one exact label map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sample_data.randomness import Field, Mask, smooth_noise

BACKGROUND, TUMOR, STROMA = 0, 1, 2
NEST_SCALE_PX = 17.0
GLASS_SCALE_PX = 34.0
SMALLEST_REGION_PX = 400
"""Area in pixels; no smaller nest or piece of tissue or glass is drawn."""
FAR_PX = 60.0


@dataclass(frozen=True)
class ClassMix:
    """The share of a tile that is glass and the share of its tissue that is tumour; the rest is stroma."""

    glass: float
    tumor_in_tissue: float
    lumen: float = 0.3
    """Share of the nests' inner parts that open into a lumen (background)."""


@dataclass(frozen=True)
class Layout:
    """Label map of a tile, and the distances in pixels by which cells and fibres are placed."""

    labels: NDArray[np.uint8]
    inside_nest: Field
    """(H, W), distance to the nearest pixel that is not tumour; 0 outside nests."""
    outside_nest: Field
    """(H, W), distance to the nearest tumour pixel; 0 inside nests."""
    inside_tissue: Field
    """(H, W), distance to the nearest background pixel; 0 in the background."""


def draw_layout(rng: np.random.Generator, shape: tuple[int, int], mix: ClassMix) -> Layout:
    """Draw a label map (H, W) with roughly the shares of `mix`."""
    tissue = _draw_tissue(rng, shape, mix.glass)
    nests = _draw_nests(rng, tissue, mix.tumor_in_tissue)
    labels = np.full(shape, STROMA, np.uint8)
    labels[nests] = TUMOR
    labels[~tissue | _draw_lumens(rng, nests, mix.lumen)] = BACKGROUND
    return Layout(labels, _distance(labels == TUMOR), _distance(labels != TUMOR), _distance(labels != BACKGROUND))


def _draw_tissue(rng: np.random.Generator, shape: tuple[int, int], glass_share: float) -> Mask:
    field = smooth_noise(rng, shape, GLASS_SCALE_PX) + 0.12 * smooth_noise(rng, shape, 5.0)
    tissue = field > np.quantile(field, glass_share)
    return _without_specks(tissue)


def _draw_nests(rng: np.random.Generator, tissue: Mask, tumor_share: float) -> Mask:
    field = smooth_noise(rng, tissue.shape, NEST_SCALE_PX) + 0.15 * smooth_noise(rng, tissue.shape, 6.0)
    if not tissue.any():
        return tissue
    nests = tissue & (field > np.quantile(field[tissue], 1 - tumor_share))
    broad = _open(_open(nests, 5) | ~tissue, 5)
    stroma = _keep_large(_open(tissue & ~broad, 4), SMALLEST_REGION_PX)
    return _keep_large(_open(tissue & ~stroma, 5), SMALLEST_REGION_PX)


def _draw_lumens(rng: np.random.Generator, nests: Mask, lumen_share: float) -> Mask:
    """Open the middle of some nests, each completely or not at all."""
    depth = _distance(nests) + 2.0 * smooth_noise(rng, nests.shape, 5.0)
    pieces, count = ndimage.label(_keep_large(_open(nests & (depth > 16.0), 3), 100))
    is_open = np.append(False, rng.random(count) < lumen_share)
    return is_open[pieces]


def _without_specks(mask: Mask) -> Mask:
    """Round off the mask and drop pieces and holes that are too small to be recognised by their texture."""
    return ~_keep_large(~_keep_large(_open(mask, 3), SMALLEST_REGION_PX), SMALLEST_REGION_PX)


def _open(mask: Mask, radius_px: int) -> Mask:
    """Remove parts thinner than a disc of this radius (morphological opening); the tile's border removes nothing."""
    padded = np.pad(mask, radius_px + 1, mode="edge")
    kept = ndimage.distance_transform_edt(padded) > radius_px
    opened = ndimage.distance_transform_edt(~kept) <= radius_px
    return opened[radius_px + 1 : -radius_px - 1, radius_px + 1 : -radius_px - 1] & mask


def _keep_large(mask: Mask, smallest_px: int) -> Mask:
    pieces, count = ndimage.label(mask)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    areas[0] = 0
    return areas[pieces] >= smallest_px


def _distance(mask: Mask, far: float = FAR_PX) -> Field:
    """Return the distance to the nearest False pixel, `far` everywhere if there is none."""
    if mask.all():
        return np.full(mask.shape, far, np.float32)
    return ndimage.distance_transform_edt(mask).astype(np.float32)
