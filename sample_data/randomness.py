"""Random generators from a seed and names, and smooth random fields drawn from them."""

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]


def random_stream(seed: int, *names: str) -> np.random.Generator:
    """Return a generator that depends only on the seed and the names, and differs for different names."""
    digest = hashlib.sha256("/".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], sigma_px: float) -> Field:
    """Return a Gaussian random field (H, W) of mean 0 and standard deviation 1, smooth over `sigma_px`.

    Coarse fields are drawn on a coarse grid and enlarged, so the time does not grow with `sigma_px`.
    """
    step = max(1, int(sigma_px / 2.5))
    sigma = sigma_px / step
    margin = int(4 * sigma) + 2
    coarse = tuple(-(-length // step) + 2 * margin for length in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), sigma, mode="wrap", truncate=3.5)
    field *= 2 * np.sqrt(np.pi) * sigma
    field = field[margin:-margin, margin:-margin]
    if step > 1:
        field = ndimage.zoom(field, step, order=2, mode="reflect", grid_mode=True)
    return field[: shape[0], : shape[1]]
