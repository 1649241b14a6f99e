"""How much Dice a model loses from its own domain to each other one, and how far apart its features of the two are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnunetv2.ablation.scored_groups import FloatArray, group_scores

Results = Mapping[tuple[str, int], Mapping[str, Any]]
"""(domain learned from, seed) -> content of a result file."""
OrderedPairs = dict[tuple[str, str], float]
"""(domain learned from, domain tested on) -> number."""


def dice_drops(results: Results, domain_of: Callable[[str], str]) -> OrderedPairs:
    """Return the mean Dice on test cases of the own domain minus that on all cases of the other one, over all seeds.

    Cases without a Dice are left out, and pairs without any case that has one.
    """
    own = {
        group.part: group.scores["dice"]
        for group in group_scores(results, domain_of, "seen")
        if group.domain == group.part
    }
    drops = {}
    for group in group_scores(results, domain_of, "unseen"):
        pair = [own.get(group.part), group.scores["dice"]]
        known = [scores[~np.isnan(scores)] for scores in pair if scores is not None]
        if len(known) == 2 and known[0].size and known[1].size:
            drops[group.part, group.domain] = float(known[0].mean() - known[1].mean())
    return drops


def feature_distances(results: Results, domain_of: Callable[[str], str]) -> OrderedPairs:
    """Return the distance of the bottleneck's features of the two domains, in the network of the first, over all seeds.

    With m and s the mean and standard deviation over cases of each feature (means and standard deviations of channels,
    `encoder_features`): sqrt(|m_a - m_b|^2 + |s_a - s_b|^2), the Frechet distance of two Gaussians with diagonal
    covariances (Dowson and Landau 1982), divided by the root of the features' total variance over both domains, because
    networks differ in the scale of their features. Pairs of result files without features are left out.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for (source, _), result in results.items():
        features: dict[str, list[list[float]]] = {}
        for score in result["scores"]:
            if score.get("features"):
                features.setdefault(domain_of(score["case"]), []).append(score["features"])
        for target in features.keys() - {source}:
            if source in features:
                distance = _frechet(np.array(features[source]), np.array(features[target]))
                found.setdefault((source, target), []).append(distance)
    return {pair: float(np.mean(values)) for pair, values in sorted(found.items())}


def _frechet(a: FloatArray, b: FloatArray) -> float:
    """Return the distance of cases (n, features) and (m, features)."""
    squared = np.square(a.mean(axis=0) - b.mean(axis=0)) + np.square(a.std(axis=0) - b.std(axis=0))
    total = np.concatenate([a, b]).var(axis=0).sum()
    return float(np.sqrt(squared.sum() / total)) if total > 0 else 0.0
