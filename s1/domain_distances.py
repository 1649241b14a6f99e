"""Distances between domains that look at the images alone, beside the published score (method, section 1.5).

All are symmetric, 0 between equal domains, and weigh every image of a domain alike.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from s1.image_profile import SCORE_BINS, SCORE_LIMIT, DomainProfile, profile_image
from s1.prism_result import COLOUR, CONTRAST, STAINS, TEXTURE, Pairs
from s1.stain_vectors import density_of_values

FloatArray = NDArray[np.float64]


def domain_distances(images_by_domain: Mapping[str, Iterable[NDArray[np.uint8]]]) -> dict[str, Pairs]:
    """Return name of the distance -> (a, b) -> value, for images (H, W, 3) or (H, W) of each domain.

    Images are taken one by one, so that generators work. Pairs with a domain of glass alone have no stain distance.
    """
    profiles = {}
    for name, images in images_by_domain.items():
        profiles[name] = DomainProfile()
        for image in images:
            profiles[name].add(profile_image(image))
    return profile_distances(profiles)


def profile_distances(profiles: Mapping[str, DomainProfile]) -> dict[str, Pairs]:
    """Return the same from the profiles of domains; each needs at least one image."""
    spread = _texture_spread(list(profiles.values()))
    distances: dict[str, Callable[[DomainProfile, DomainProfile], float | None]] = {
        COLOUR: colour_distance,
        STAINS: stain_distance,
        TEXTURE: lambda a, b: texture_distance(a, b, spread),
        CONTRAST: contrast_distance,
    }
    found = {}
    for name, distance in distances.items():
        values = {(a, b): distance(profiles[a], profiles[b]) for a, b in combinations(profiles, 2)}
        found[name] = {pair: value for pair, value in values.items() if value is not None}
    return found


def colour_distance(a: DomainProfile, b: DomainProfile) -> float:
    """Return the mean over R, G, B of the Wasserstein distance of optical densities (natural logarithm).

    W = integral of |F_a(x) - F_b(x)| dx, with F the cumulative distribution of a channel (Kantorovich; Rubner, Tomasi
    and Guibas 2000, earth mover's distance). Exact for 8-bit values: no binning.
    """
    # densities fall as values rise
    return _wasserstein(
        _mean(a, "value_shares")[:, ::-1], _mean(b, "value_shares")[:, ::-1], np.flip(density_of_values())
    )


def contrast_distance(a: DomainProfile, b: DomainProfile) -> float:
    """Return the mean over R, G, B of the Wasserstein distance of z-scored intensities, in standard deviations.

    nnU-Net takes the mean and standard deviation of every image away; this is what remains different afterwards: the
    form of the histogram, and with it how much of the images is background.
    """
    starts = np.linspace(-SCORE_LIMIT, SCORE_LIMIT, SCORE_BINS, endpoint=False, dtype=np.float64)
    return _wasserstein(_mean(a, "score_shares"), _mean(b, "score_shares"), starts)


def stain_distance(a: DomainProfile, b: DomainProfile) -> float | None:
    """Return the mean angle (radians) between the stain vectors plus the mean difference of the moments of amounts.

    The vectors are the means over images of those by Macenko's method (`s1.stain_vectors`); the moments are mean and
    standard deviation of the amounts of both stains, in optical density. None if a domain has no stained image.
    """
    if not a.stained_images or not b.stained_images:
        return None
    first, second = a.stains / a.stained_images, b.stains / b.stained_images
    vectors = [row[:6].reshape(2, 3) for row in (first, second)]
    units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors]
    angles = 2 * np.arcsin(np.clip(np.linalg.norm(units[0] - units[1], axis=1) / 2, 0, 1))  # exact for small ones
    return float(angles.mean() + np.abs(first[6:] - second[6:]).mean())


def texture_distance(a: DomainProfile, b: DomainProfile, spread: FloatArray) -> float:
    """Return the root mean square of the differences of the domains' mean texture statistics, divided by `spread`.

    Parameters:
        spread: (9,) standard deviation over all images of all domains; statistics without any are left out.
    """
    varies = spread > 0
    if not varies.any():
        return 0.0
    differences = (_mean(a, "texture") - _mean(b, "texture"))[varies] / spread[varies]
    return float(np.sqrt(np.mean(differences**2)))


def _texture_spread(profiles: list[DomainProfile]) -> FloatArray:
    images = sum(profile.images for profile in profiles)
    means = sum((p.texture for p in profiles), np.zeros(1)) / images
    squares = sum((p.squared_texture for p in profiles), np.zeros(1)) / images
    variances = squares - means**2
    return np.asarray(np.sqrt(np.where(variances > 1e-10, variances, 0.0)))  # what rounding leaves is no spread


def _mean(profile: DomainProfile, quantity: str) -> FloatArray:
    total: FloatArray = getattr(profile, quantity)
    return total / profile.images


def _wasserstein(a: FloatArray, b: FloatArray, positions: FloatArray) -> float:
    """Return the mean over channels of the distance of shares (channels, bins) at rising positions (bins,)."""
    differences = np.abs(np.cumsum(a - b, axis=1))[:, :-1]
    return float((differences * np.diff(positions)).sum(axis=1).mean())
