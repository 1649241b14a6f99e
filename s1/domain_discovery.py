"""Propose domains from how images look, for data whose origin nobody wrote down (method, section 1.6)."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1.domain_map import DomainMap
from s1.errors import ImageProblemError, SourceError
from s1.image_features import in_parallel, progress
from s1.image_files import read_image
from s1.image_profile import STAIN_NUMBERS, sampled_pixels
from s1.problem_lists import raise_together
from s1.stain_vectors import find_stains, optical_densities
from s1.texture_statistics import SHARPNESS, texture_statistics

FloatArray = NDArray[np.float64]

FEATURES = STAIN_NUMBERS + 6 + 1
MOST_DOMAINS = 8
"""Largest number that is tried if none is given."""
_FEWEST_IMAGES = FEATURES + 1
"""Images per domain, on average, that a number of domains needs to be tried: fewer span no covariance matrix."""
_STARTS = 5
_REGULARISATION = 1e-3
"""Added to variances of standardised features, so that a few equal images are no domain of infinite density."""


@dataclass(frozen=True)
class Discovery:
    """Proposed domains."""

    domain_map: DomainMap
    silhouette: float | None
    """From -1 to 1, the higher the clearer; None for one domain, or as many as images."""
    bic: dict[int, float]
    """Number of domains that was tried -> Bayesian information criterion, the lower the better."""
    positions: dict[str, tuple[float, float]]
    """Case -> its place in the plane of the first two principal components of the standardised features."""


def look_at(image: NDArray[np.uint8]) -> FloatArray:
    """Return the features (17,) of an image (H, W, 3) or (H, W).

    Stain vectors (6), means (2) and standard deviations (2) of their amounts in optical density, means (3) and standard
    deviations (3) of L, a, b (CIELAB of sRGB, D65), sharpness. Those of stains are NaN for an image of glass.
    """
    from skimage.color import rgb2lab

    pixels = sampled_pixels(image)
    stains = find_stains(optical_densities(pixels))
    lab = rgb2lab(pixels[None])[0]
    row = np.full(STAIN_NUMBERS, np.nan) if stains is None else stains.as_row()
    return np.concatenate([row, lab.mean(axis=0), lab.std(axis=0), texture_statistics(image)[[SHARPNESS]]])


def look_at_files(images: Mapping[str, Path], workers: int) -> dict[str, FloatArray]:
    """Return case -> features, with a progress bar. Raises ImageProblemError listing every file that cannot be used."""
    found: dict[str, FloatArray] = {}
    problems = []
    outcomes = in_parallel(_try_looking, images.values(), workers)
    for case, (_, outcome) in zip(images, progress(outcomes, len(images), "looking at images"), strict=True):
        if isinstance(outcome, str):
            problems.append(outcome)
        else:
            found[case] = outcome
    raise_together(ImageProblemError, "these files cannot be used", problems)
    return found


def _try_looking(path: Path) -> FloatArray | str:
    try:
        return look_at(read_image(path))
    except ImageProblemError as error:
        return str(error)


def discover(features: Mapping[str, FloatArray], count: int | None = None) -> Discovery:
    """Return the domains of a Gaussian mixture over the standardised features (17,) of cases.

    Parameters:
        count: number of domains; None takes the one with the lowest BIC, of at most 8 with 18 images each on average.

    Domains are named domain_1, domain_2, ... from the largest. A component that gets no image is left out.

    Raises SourceError for more domains than images, and for a single image.
    """
    if len(features) < 2:
        raise SourceError("--discover needs at least 2 images, there is 1")
    if count is not None and count > len(features):
        raise SourceError(f"--discover {count}: there are {len(features)} images, expected a number up to that")
    table = standardised(np.stack(list(features.values())))
    counts = range(1, max(1, min(MOST_DOMAINS, len(table) // _FEWEST_IMAGES)) + 1) if count is None else [count]
    models = {number: _mixture(table, number) for number in counts}
    bic = {number: float(model.bic(table)) for number, model in models.items()}
    labels = models[min(bic, key=lambda number: bic[number])].predict(table)
    positions = dict(zip(features, map(tuple, _plane(table).tolist()), strict=True))
    return Discovery(_as_map(list(features), labels), _silhouette(table, labels), bic, positions)


def standardised(table: FloatArray) -> FloatArray:
    """Return (N, features) with mean 0 and standard deviation 1; NaN becomes the mean, constant columns 0."""
    missing = np.isnan(table)
    known = np.maximum((~missing).sum(axis=0), 1)
    filled = np.where(missing, np.nansum(table, axis=0) / known, table)
    spread = filled.std(axis=0)
    varies = spread > 1e-9
    return np.asarray((filled - filled.mean(axis=0)) * varies / np.where(varies, spread, 1.0))


def agreement(proposed: DomainMap, known: DomainMap) -> float:
    """Return the adjusted Rand index of two maps of the same cases: 1 if equal but for names, about 0 by chance."""
    from sklearn.metrics import adjusted_rand_score

    cases = [case for members in proposed.domains.values() for case in members]
    return float(adjusted_rand_score([known.domain_of(c) for c in cases], [proposed.domain_of(c) for c in cases]))


def _mixture(table: FloatArray, count: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of equal images, which are one domain
        return GaussianMixture(count, n_init=_STARTS, reg_covar=_REGULARISATION, random_state=0).fit(table)


def _plane(table: FloatArray) -> FloatArray:
    """Return (N, 2): the first two principal components."""
    _, _, axes = np.linalg.svd(np.vstack([table, np.zeros((2, table.shape[1]))]), full_matrices=False)
    return np.asarray(table @ axes[:2].T)


def _silhouette(table: FloatArray, labels: NDArray[np.int64]) -> float | None:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(table, labels)) if 1 < len(set(labels.tolist())) < len(table) else None


def _as_map(cases: Sequence[str], labels: NDArray[np.int64]) -> DomainMap:
    members: dict[int, list[str]] = {}
    for case, label in zip(cases, labels.tolist(), strict=True):
        members.setdefault(label, []).append(case)
    by_size = sorted(members.values(), key=len, reverse=True)
    return DomainMap({f"domain_{number}": tuple(group) for number, group in enumerate(by_size, 1)})
