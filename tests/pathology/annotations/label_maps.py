"""Label images drawn from numbers, and the reverse: what polygons cover."""

from collections.abc import Iterable

import numpy as np
import shapely


def blobs(height: int, width: int, seed: int = 0, classes: int = 3) -> np.ndarray:
    """Return smooth areas of all sizes, with holes, islands and areas that meet at corners; 0 is background."""
    random = np.random.default_rng(seed)
    coarse = random.normal(size=(height // 6 + 2, width // 6 + 2))
    rows, columns = (np.arange(length) / 6 for length in (height, width))
    i, j = rows.astype(int), columns.astype(int)
    v, h = (rows - i)[:, None], (columns - j)[None]
    top = coarse[i][:, j] * (1 - h) + coarse[i][:, j + 1] * h
    bottom = coarse[i + 1][:, j] * (1 - h) + coarse[i + 1][:, j + 1] * h
    labels = np.digitize(top * (1 - v) + bottom * v, np.linspace(-0.2, 1, classes)).astype(np.uint8)
    specks = random.random(labels.shape) < 0.02
    labels[specks] = random.integers(0, classes + 1, specks.sum())
    return labels


def discs(side: int, count: int, seed: int = 0, radii: tuple[int, int] = (8, 26)) -> np.ndarray:
    """Return a square image with discs of labels 1, 2 and 3."""
    random = np.random.default_rng(seed)
    labels = np.zeros((side, side), np.uint8)
    rows, columns = np.ogrid[:side, :side]
    for row, column in random.integers(0, side, (count, 2)):
        radius = random.integers(*radii)
        down, right = (slice(max(0, middle - radius), middle + radius + 1) for middle in (row, column))
        inside = (rows[down] - row) ** 2 + (columns[:, right] - column) ** 2 <= radius**2
        labels[down, right][inside] = random.integers(1, 4)
    return labels


def painted(polygons: Iterable[shapely.Geometry], labels: Iterable[int], shape: tuple[int, int]) -> np.ndarray:
    """Return the label of the polygon that contains the centre of each pixel; each pixel asked for by itself."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape, np.uint8)
    for polygon, label in zip(polygons, labels, strict=True):
        inside = shapely.contains_xy(polygon, columns + 0.5, rows + 0.5)
        assert not image[inside].any(), "polygons overlap"
        image[inside] = label
    return image
