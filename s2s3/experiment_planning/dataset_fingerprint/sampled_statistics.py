"""Statistics of random draws from the foreground, as nnU-Net 2.8.1 computes them, to the last bit.

The same number of values is drawn from every case, however large its foreground is, with replacement and from a stream
that starts with the same seed.
"""

from collections.abc import Sequence

import numpy as np

_NAMES = ("mean", "median", "min", "max", "percentile_99_5", "percentile_00_5")


def draw_foreground(
    segmentation: np.ndarray, images: np.ndarray, seed: int, num_samples: int
) -> tuple[list[np.ndarray | list[float]], list[dict[str, float]]]:
    """Draw `num_samples` foreground values per channel with replacement.

    Parameters:
        segmentation: (1, x, y, z); everything above 0 is foreground.
        images: (C, x, y, z).

    Returns:
        drawn values per channel (an empty list without foreground), and statistics of all foreground values.
    """
    stream = np.random.RandomState(seed)
    foreground = segmentation[0] > 0
    draws: list[np.ndarray | list[float]] = []
    statistics = []
    for image in images:
        values = image[foreground]
        draws.append(stream.choice(values, num_samples, replace=True) if values.size else [])
        statistics.append(_statistics(values))
    return draws, statistics


def _statistics(values: np.ndarray) -> dict[str, float]:
    if not values.size:
        return dict.fromkeys(_NAMES, np.nan)
    low, median, high = np.percentile(values, [0.5, 50, 99.5])
    return {
        "mean": np.mean(values),
        "median": median,
        "min": np.min(values),
        "max": np.max(values),
        "percentile_99_5": high,
        "percentile_00_5": low,
    }


def statistics_of_draws(draws: Sequence[np.ndarray | list[float]]) -> dict[str, float]:
    """Return the fingerprint's entry of one channel from the draws of all cases.

    The reductions run in the type of the concatenated draws: float32, or float64 as soon as one case is empty.
    """
    values = np.concatenate(draws)
    low, median, high = np.percentile(values, [0.5, 50.0, 99.5])
    return {
        "mean": float(np.mean(values)),
        "median": float(median),
        "std": float(np.std(values)),
        "min": float(np.min(values)),
        "max": float(np.max(values)),
        "percentile_99_5": float(high),
        "percentile_00_5": float(low),
    }
