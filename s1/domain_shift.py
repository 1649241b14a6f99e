"""How much two domains differ, and how often each should be drawn: arithmetic only (method, sections 1.2 and 1.3)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

CATEGORY, MEAN, STD, CONTRAST = "category_distribution", "pixel_mean", "pixel_std", "glcm_contrast"
FEATURE_WEIGHTS: dict[str, float] = {CATEGORY: 0.40, MEAN: 0.20, STD: 0.20, CONTRAST: 0.20}
FEATURE_SCALES: dict[str, float] = {CATEGORY: 1.0, MEAN: 255.0, STD: 255.0, CONTRAST: 2000.0}
PUBLISHED_CLASS_WEIGHTS: dict[int, float] = {0: 0.1, 1: 0.6, 2: 0.3}
OTHER_CLASS_WEIGHT = 1.0
LARGEST_SHIFT = 0.15
_TINY = 1e-6


@dataclass(frozen=True)
class DomainFeatures:
    """Features of a domain's images; grey values are 0..255."""

    images: int
    class_shares: dict[int, float] | None
    """Label -> share of the labelled pixels; None without masks."""
    grey_mean: float
    grey_std: float
    glcm_contrast: float


@dataclass(frozen=True)
class Difference:
    """Unscaled differences between domains a and b by feature; without masks there is no category distribution."""

    magnitudes: dict[str, float]
    """0 or more."""
    signed: dict[str, float]
    """a minus b."""


@dataclass(frozen=True)
class PairShift:
    """Result for a pair of domains; swapping them changes the signs of `shift`, `direction_gate` and `directions`."""

    shift: float
    """How far the share of a in a mix of the two exceeds one half, -0.15 to 0.15."""
    confidence: float
    """0 to 1."""
    direction_gate: float
    """-1 to 1."""
    magnitude_gate: float
    """0 to 1."""
    total_difference: float
    """Sum of the importances; about 0.35 if nothing differs."""
    magnitudes: dict[str, float]
    """Scaled magnitude of each feature, 0 to 1."""
    directions: dict[str, float]
    """Scaled signed difference of each feature, -1 to 1."""
    importance: dict[str, float]
    """0 to the feature's weight."""


def default_class_weights(labels: Iterable[int]) -> dict[int, float]:
    """Return the class weights: the published ones for labels 0, 1, 2; otherwise 0.1 for 0, and the rest share 0.9."""
    known = sorted(set(labels))
    if known == sorted(PUBLISHED_CLASS_WEIGHTS):
        return dict(PUBLISHED_CLASS_WEIGHTS)
    others = [label for label in known if label != 0]
    return {label: 0.1 if label == 0 else 0.9 / len(others) for label in known}


def difference(a: DomainFeatures, b: DomainFeatures, class_weights: Mapping[int, float]) -> Difference:
    """Subtract domain b's features from a's; classes without a weight have weight 1."""
    signed = {
        MEAN: a.grey_mean - b.grey_mean,
        STD: a.grey_std - b.grey_std,
        CONTRAST: a.glcm_contrast - b.glcm_contrast,
    }
    magnitudes = {feature: abs(value) for feature, value in signed.items()}
    if a.class_shares is not None and b.class_shares is not None:
        labels = sorted(a.class_shares.keys() | b.class_shares.keys())
        weighted = [
            class_weights.get(label, OTHER_CLASS_WEIGHT)
            * (a.class_shares.get(label, 0.0) - b.class_shares.get(label, 0.0))
            for label in labels
        ]
        signed = {CATEGORY: math.fsum(weighted), **signed}
        magnitudes = {CATEGORY: math.fsum(abs(value) for value in weighted), **magnitudes}
    return Difference(magnitudes, signed)


def feature_weights(features: Iterable[str]) -> dict[str, float]:
    """Return the weights of the features in use; the weight of absent features is shared among them equally."""
    used = {feature: FEATURE_WEIGHTS[feature] for feature in features}
    spare = (sum(FEATURE_WEIGHTS.values()) - sum(used.values())) / len(used)
    return {feature: weight + spare for feature, weight in used.items()}


def pair_shift(unscaled: Difference) -> PairShift:
    """Compute the shift and its confidence from the differences of two domains (method, section 1.2)."""
    weights = feature_weights(unscaled.magnitudes)
    magnitudes = {f: math.tanh(value / FEATURE_SCALES[f]) for f, value in unscaled.magnitudes.items()}
    directions = {f: math.tanh(value / FEATURE_SCALES[f]) for f, value in unscaled.signed.items()}
    importance = {f: _sigmoid(3.0 * (magnitudes[f] - 0.2)) * weight for f, weight in weights.items()}
    total = sum(importance.values())
    magnitude_gate = 2.0 * _sigmoid(3.0 * total) - 1.0
    direction_gate = math.tanh(2.5 * sum(directions[f] * (importance[f] + _TINY) for f in weights))
    return PairShift(
        shift=LARGEST_SHIFT * magnitude_gate * direction_gate,
        confidence=_confidence(magnitudes, importance, weights),
        direction_gate=direction_gate,
        magnitude_gate=magnitude_gate,
        total_difference=total,
        magnitudes=magnitudes,
        directions=directions,
        importance=importance,
    )


def relative_distance(total_difference: float) -> float:
    """Rescale a pair's total difference to 0 (nothing differs) to 1 (the largest value it can have)."""
    least, most = _sigmoid(-3.0 * 0.2), _sigmoid(3.0 * (1.0 - 0.2))
    return (total_difference - least) / (most - least)


def pairs_of(domains: Sequence[str]) -> list[tuple[str, str]]:
    """Return each pair once, in the order of `domains`."""
    return [(a, b) for index, a in enumerate(domains) for b in domains[index + 1 :]]


def mixing_ratios(domains: Sequence[str], shifts: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return the share of draws from each domain (method, section 1.3): they sum to 1, each 0.7/N to 1.3/N.

    Parameters:
        shifts: (a, b) -> shift for each pair of `pairs_of(domains)`.
    """
    count = len(domains)
    leaning = dict.fromkeys(domains, 0.0)
    for (a, b), shift in shifts.items():
        leaning[a] += shift
        leaning[b] -= shift
    return {d: (1.0 + 2.0 * total / max(1, count - 1)) / count for d, total in leaning.items()}


def _confidence(
    magnitudes: Mapping[str, float], importance: Mapping[str, float], weights: Mapping[str, float]
) -> float:
    strength = {f: _sigmoid(5.0 * (m - 0.15)) for f, m in magnitudes.items()}
    count = len(strength)
    mean = sum(strength.values()) / count
    spread = math.sqrt(sum((s - mean) ** 2 for s in strength.values()) / count)
    consistency = 1.0 - spread / (mean + _TINY)
    weighted_strength = sum(strength[f] * weights[f] for f in strength) / sum(weights.values())
    intensity = sum(magnitudes[f] * importance[f] * 0.8 for f in strength) / count
    base = 0.4 * weighted_strength + 0.4 * consistency + 0.2 * intensity
    confidence = _sigmoid(4.0 * (base - 0.3)) * (1.2 if consistency > 0.7 else 1.0)
    return min(1.0, max(0.0, confidence))


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
