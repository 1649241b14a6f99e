"""Cell nuclei: their positions, shapes and uptake of haematoxylin."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sample_data.randomness import Field

Array = NDArray[np.float64]
EDGE_PX = 1.3


@dataclass(frozen=True)
class NucleusKind:
    """Size, shape and staining of one kind of nucleus; lengths in pixels, densities in units of haematoxylin."""

    half_length: tuple[float, float]
    half_width: tuple[float, float]
    density: tuple[float, float]
    rim: float
    """How much denser the membrane is than the inside."""
    irregularity: float
    nucleolus: float
    """Density added at nucleoli; 0 for none."""
    chromatin: float
    """Strength of the grain inside."""


TUMOR_NUCLEUS = NucleusKind((5.2, 7.4), (4.4, 5.9), (0.50, 0.85), 0.28, 0.07, 0.55, 0.22)
SPINDLE_NUCLEUS = NucleusKind((6.5, 10.5), (1.7, 2.6), (0.85, 1.15), 0.1, 0.10, 0.0, 0.15)
LYMPHOCYTE = NucleusKind((2.7, 3.6), (2.5, 3.3), (1.05, 1.35), 0.05, 0.05, 0.0, 0.25)


@dataclass(frozen=True)
class Nuclei:
    """Centres (N, 2), row and column in pixels, and directions (N,) of the long axis, radians from the row axis."""

    kind: NucleusKind
    centres: Array
    directions: Array


def lattice_points(rng: np.random.Generator, shape: tuple[int, int], spacing_px: float, jitter: float) -> Array:
    """Return points (N, 2) of a triangular lattice, each moved by up to `jitter` spacings: crowded, little overlap."""
    rows = np.arange(-spacing_px, shape[0] + spacing_px, spacing_px * np.sqrt(3) / 2)
    columns = np.arange(-spacing_px, shape[1] + spacing_px, spacing_px)
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    grid[1::2, :, 1] += spacing_px / 2
    points = grid.reshape(-1, 2) + rng.uniform(0, spacing_px, 2)
    points = points + rng.uniform(-jitter, jitter, points.shape) * spacing_px
    inside = np.all((points >= 0) & (points <= np.array(shape) - 1), axis=1)
    return points[inside]


def sample_at(field: NDArray[Any], points: Array) -> NDArray[Any]:
    """Return the values of a field (H, W) at the pixels nearest to the points (N, 2)."""
    pixels = np.rint(points).astype(int)
    return field[pixels[:, 0], pixels[:, 1]]


def paint_nuclei(rng: np.random.Generator, canvas: Field, nuclei: Nuclei, grain: Field) -> None:
    """Draw nuclei into the haematoxylin density `canvas` (H, W), in place; `grain` (H, W) is the chromatin texture."""
    for (row, column), patch in zip(nuclei.centres, _nucleus_patches(rng, nuclei), strict=True):
        half = patch.shape[0] // 2
        top, left = int(np.rint(row)) - half, int(np.rint(column)) - half
        rows = slice(max(top, 0), min(top + 2 * half + 1, canvas.shape[0]))
        columns = slice(max(left, 0), min(left + 2 * half + 1, canvas.shape[1]))
        inner = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        inner = inner * (1 + nuclei.kind.chromatin * grain[rows, columns])
        np.maximum(canvas[rows, columns], inner, out=canvas[rows, columns])


def _nucleus_patches(rng: np.random.Generator, nuclei: Nuclei, batch: int = 512) -> Iterator[Field]:
    """Yield one density patch (P, P) per nucleus, centred on it."""
    for start in range(0, len(nuclei.centres), batch):
        part = slice(start, start + batch)
        yield from _draw_patches(rng, nuclei.kind, nuclei.centres[part], nuclei.directions[part])


def _draw_patches(rng: np.random.Generator, kind: NucleusKind, centres: Array, directions: Array) -> Field:
    """Return density patches (N, P, P): a soft-edged ellipse with a wavy outline, a membrane and nucleoli."""
    count = len(centres)
    half = int(np.ceil(kind.half_length[1] * (1 + 2 * kind.irregularity))) + 2
    draw = {name: rng.uniform(*bounds, (count, 1, 1)) for name, bounds in _ranges(kind).items()}
    offset = (centres - np.rint(centres))[:, :, None, None]
    y, x = np.mgrid[-half : half + 1, -half : half + 1][:, None] - np.moveaxis(offset, 1, 0)
    cos, sin = np.cos(directions)[:, None, None], np.sin(directions)[:, None, None]
    along, across = (y * cos + x * sin) / draw["length"], (x * cos - y * sin) / draw["width"]
    angle = np.arctan2(across, along)
    outline = 1 + kind.irregularity * (np.cos(2 * angle + draw["turn2"]) + np.cos(3 * angle + draw["turn3"]))
    radius = np.hypot(along, across) / outline
    inside = np.clip((1 - radius) * draw["width"] / EDGE_PX + 0.5, 0, 1)
    density = draw["density"] * (1 + kind.rim * np.exp(-(((radius - 0.88) / 0.16) ** 2)))
    if kind.nucleolus:
        density += _nucleoli(rng, kind, along, across)
    return (inside * density).astype(np.float32)


def _ranges(kind: NucleusKind) -> dict[str, tuple[float, float]]:
    turn = (0.0, 2 * np.pi)
    return {
        "length": kind.half_length, "width": kind.half_width, "density": kind.density, "turn2": turn, "turn3": turn
    }  # fmt: skip


def _nucleoli(rng: np.random.Generator, kind: NucleusKind, along: Array, across: Array) -> Array:
    """Return the density (N, P, P) of up to two small dark dots per nucleus."""
    count = len(along)
    dots = np.zeros_like(along)
    for presence in (0.85, 0.35):
        position = rng.uniform(-0.45, 0.45, (2, count, 1, 1))
        strength = kind.nucleolus * (rng.random((count, 1, 1)) < presence)
        dots += strength * np.exp(-((along - position[0]) ** 2 + (across - position[1]) ** 2) / (2 * 0.16**2))
    return dots
