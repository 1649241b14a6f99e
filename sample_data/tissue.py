"""Unstained tissue: how much haematoxylin and eosin each pixel binds, and its exact label.

Classes differ in structure, not in colour: nests contain crowded, large, pale, round nuclei; stroma contains wavy
collagen with thin dark nuclei along it, and clusters of small dark lymphocytes as blue as any nest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from sample_data.layout import BACKGROUND, STROMA, TUMOR, ClassMix, Layout, draw_layout
from sample_data.nuclei import (
    LYMPHOCYTE,
    SPINDLE_NUCLEUS,
    TUMOR_NUCLEUS,
    Nuclei,
    lattice_points,
    paint_nuclei,
    sample_at,
)
from sample_data.randomness import Field, smooth_noise

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tissue:
    """A tile before staining; all arrays (H, W)."""

    labels: NDArray[np.uint8]
    """0 background, 1 tumour, 2 stroma."""
    haematoxylin: Field
    """Amount bound, about 1 in a dark nucleus."""
    eosin: Field
    """Amount bound, about 1 in dense collagen."""


def draw_tissue(rng: np.random.Generator, shape: tuple[int, int], mix: ClassMix) -> Tissue:
    """Draw a tile (H, W) of tissue with roughly the class shares of `mix`."""
    layout = draw_layout(rng, shape, mix)
    course = _fibre_course(rng, layout)
    tumor = _tumor_nuclei(rng, layout)
    eosin = np.zeros(shape, np.float32)
    for label, texture in ((STROMA, _collagen(rng, course)), (TUMOR, _cytoplasm(rng, layout, tumor.centres))):
        eosin[layout.labels == label] = texture[layout.labels == label]
    haematoxylin = _base_haematoxylin(rng, layout)
    nuclei = np.zeros(shape, np.float32)
    grain = smooth_noise(rng, shape, 0.9)
    for kind in (_spindle_nuclei(rng, layout, course), _lymphocytes(rng, layout), tumor):
        paint_nuclei(rng, nuclei, kind, grain)
    nuclei *= layout.labels != BACKGROUND
    eosin = eosin * (1 - 0.55 * np.clip(nuclei, 0, 1))
    _add_red_cells(rng, layout, eosin, nuclei)
    return Tissue(layout.labels, np.maximum(haematoxylin, nuclei), eosin.astype(np.float32))


def _fibre_course(rng: np.random.Generator, layout: Layout) -> Field:
    """Return a field (H, W) whose contour lines are the fibres: wavy, and roughly around the nests."""
    shape = layout.labels.shape
    around = ndimage.gaussian_filter(layout.outside_nest - layout.inside_nest, 3)
    angle = rng.uniform(0, np.pi)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    straight = np.cos(angle) * rows + np.sin(angle) * columns
    bends = 9 * smooth_noise(rng, shape, 22) + 2.2 * smooth_noise(rng, shape, 7)
    return (0.75 * around + 0.5 * straight + bends).astype(np.float32)


def _collagen(rng: np.random.Generator, course: Field) -> Field:
    """Return the eosin (H, W) of fibres of finite length that follow `course`, with pale clefts between bundles."""
    texture = np.zeros_like(course)
    position = (course - course.min()) * 2
    for _ in range(3):
        profile = ndimage.gaussian_filter1d(rng.standard_normal(int(position.max()) + 3), 2.4) * 2.9
        strand = np.interp(position.ravel(), np.arange(len(profile)), profile).reshape(course.shape)
        texture += strand * smooth_noise(rng, course.shape, 10)
    bundles = smooth_noise(rng, course.shape, 16)
    fine = smooth_noise(rng, course.shape, 1.0)
    return np.clip(0.62 + 0.17 * texture + 0.10 * bundles + 0.04 * fine, 0.12, 1.3).astype(np.float32)


def _cytoplasm(rng: np.random.Generator, layout: Layout, centres: Array) -> Field:
    """Return the eosin (H, W) of tumour cells: mottled, with a faint line where two cells meet."""
    shape = layout.labels.shape
    texture = rng.uniform(0.46, 0.68) + 0.09 * smooth_noise(rng, shape, 9) + 0.07 * smooth_noise(rng, shape, 1.6)
    if len(centres) > 1:
        pixels = np.argwhere(layout.labels == TUMOR)
        nearest = cKDTree(centres).query(pixels + 0.0, k=2, workers=1)[0]
        border = np.exp(-(((nearest[:, 1] - nearest[:, 0]) / 1.3) ** 2))
        texture[pixels[:, 0], pixels[:, 1]] += (0.16 * border).astype(np.float32)
    return np.clip(texture, 0.15, 1.2)


def _base_haematoxylin(rng: np.random.Generator, layout: Layout) -> Field:
    """Return the faint haematoxylin (H, W) outside nuclei; which class binds more varies between tiles."""
    cloud = 1 + 0.25 * smooth_noise(rng, layout.labels.shape, 6)
    amount_by_label = np.array([0.0, rng.uniform(0.08, 0.18), rng.uniform(0.07, 0.16)], np.float32)
    amount = amount_by_label[layout.labels]
    return (amount * np.clip(cloud, 0.2, 2)).astype(np.float32)


def _tumor_nuclei(rng: np.random.Generator, layout: Layout) -> Nuclei:
    """Crowd large nuclei into the nests; those near the rim are perpendicular to it, like palisades."""
    points = lattice_points(rng, layout.labels.shape, rng.uniform(12.0, 14.5), 0.24)
    depth = sample_at(layout.inside_nest, points)
    points, depth = points[depth > 4.5], depth[depth > 4.5]
    directions = rng.uniform(0, np.pi, len(points))
    upright = _gradient_direction(layout.inside_nest, points) + rng.normal(0, 0.2, len(points))
    return Nuclei(TUMOR_NUCLEUS, points, np.where(depth < 11, upright, directions))


def _spindle_nuclei(rng: np.random.Generator, layout: Layout, course: Field) -> Nuclei:
    """Scatter thin nuclei in the stroma, each along the fibre it lies in."""
    points = lattice_points(rng, layout.labels.shape, 17.0, 0.45)
    keep = (sample_at(layout.outside_nest, points) > 3.5) & (sample_at(layout.inside_tissue, points) > 3)
    points = points[keep & (rng.random(len(points)) < 0.7)]
    across = _gradient_direction(course, points)
    return Nuclei(SPINDLE_NUCLEUS, points, across + np.pi / 2 + rng.normal(0, 0.15, len(points)))


def _lymphocytes(rng: np.random.Generator, layout: Layout) -> Nuclei:
    """Place small dark nuclei: densely in some patches of stroma, singly elsewhere and in the nests."""
    crowd = smooth_noise(rng, layout.labels.shape, 13)
    points = lattice_points(rng, layout.labels.shape, 8.6, 0.28)
    chance = np.where(sample_at(crowd, points) > 0.95, 0.85, 0.02)
    in_nest = sample_at(layout.labels, points) == TUMOR
    chance = np.where(in_nest, 0.012, chance)
    clear = (sample_at(layout.outside_nest, points) > 4.0) | in_nest
    keep = clear & (sample_at(layout.inside_tissue, points) > 3) & (rng.random(len(points)) < chance)
    return Nuclei(LYMPHOCYTE, points[keep], rng.uniform(0, np.pi, int(keep.sum())))


def _add_red_cells(rng: np.random.Generator, layout: Layout, eosin: Field, nuclei: Field) -> None:
    """Add groups of red blood cells to the stroma: strong eosin, no nucleus."""
    crowd = smooth_noise(rng, layout.labels.shape, 9)
    points = lattice_points(rng, layout.labels.shape, 6.5, 0.25)
    keep = (sample_at(crowd, points) > 2.1) & (sample_at(layout.outside_nest, points) > 5)
    keep &= sample_at(layout.inside_tissue, points) > 5
    centres = np.zeros(layout.labels.shape, bool)
    pixels = np.rint(points[keep]).astype(int)
    centres[pixels[:, 0], pixels[:, 1]] = True
    if not centres.any():
        return
    distance = ndimage.distance_transform_edt(~centres)
    cell = np.clip(3.0 - distance, 0, 1) * (nuclei < 0.3)
    np.maximum(eosin, (cell * (1.25 - 0.25 * np.exp(-(distance**2)))).astype(np.float32), out=eosin)


def _gradient_direction(field: Field, points: Array) -> Array:
    """Return the angle (N,), from the row axis, of steepest ascent at the points."""
    row_slope, column_slope = np.gradient(ndimage.gaussian_filter(field, 2))
    return np.arctan2(sample_at(column_slope, points), sample_at(row_slope, points)).astype(np.float64)
