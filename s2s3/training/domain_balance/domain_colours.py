"""Measures the colours of each domain before a training, so that its model knows which domains it learned from."""

from collections.abc import Iterable, Mapping
from typing import Any

from nnunetv2.domains.domain_statistics import DomainStatistics, measure_domains
from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.progress import redraw_interval_s
from nnunetv2.pathology.stain.colour_features import FloatArray, colour_features
from s1.domain_map import DomainMap

_SECONDS_WITHOUT_BAR = 2.0
_MOST_IMAGES = 500
"""Of a domain, evenly spaced in the order of their names: enough for nine numbers, and read in seconds."""


def measure_colours(
    dataset: Any, domain_map: DomainMap, groups: Mapping[str, str] | None = None
) -> DomainStatistics | None:
    """Return the statistics of a dataset's cases; None if they are too few, or one of unknown colours is among them."""
    from tqdm import tqdm

    features: dict[str, FloatArray] = {}
    options = {"delay": _SECONDS_WITHOUT_BAR, "mininterval": redraw_interval_s(), "leave": False}
    for case in tqdm(_some_cases(dataset.identifiers, domain_map), desc="Colours of the domains", **options):
        data, _, _, properties = dataset.load_case(case)
        try:
            found = colour_features(data, properties)
        except CheckpointError as error:
            raise CheckpointError(f"case {case}: {error}") from None
        if found is None:
            return None
        features[case] = found
    return measure_domains(features, domain_map, groups)


def _some_cases(cases: Iterable[str], domain_map: DomainMap) -> list[str]:
    by_domain: dict[str, list[str]] = {}
    for case in sorted(cases):
        by_domain.setdefault(domain_map.domain_of(case), []).append(case)
    return [case for members in by_domain.values() for case in members[:: -(-len(members) // _MOST_IMAGES)]]
