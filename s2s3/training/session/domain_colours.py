"""Measures the colours of each domain before a training, so that its model knows which domains it learned from."""

from collections.abc import Mapping
from typing import Any

from nnunetv2.domains.domain_statistics import DomainStatistics, measure_domains
from nnunetv2.errors import CheckpointError
from nnunetv2.pathology.stain.colour_features import FloatArray, colour_features
from nnunetv2.utilities.progress import redraw_interval_s
from s1.domain_map import DomainMap

_SECONDS_WITHOUT_BAR = 2.0


def measure_colours(
    dataset: Any, domain_map: DomainMap, groups: Mapping[str, str] | None = None
) -> DomainStatistics | None:
    """Return the statistics of a dataset's cases; None if they are too few, or not all of known colours."""
    from tqdm import tqdm

    features: dict[str, FloatArray] = {}
    options = {"delay": _SECONDS_WITHOUT_BAR, "mininterval": redraw_interval_s(), "leave": False}
    for case in tqdm(sorted(dataset.identifiers), desc="Colours of the domains", **options):
        data, _, _, properties = dataset.load_case(case)
        try:
            found = colour_features(data, properties)
        except CheckpointError as error:
            raise CheckpointError(f"case {case}: {error}") from None
        if found is None:
            return None
        features[case] = found
    return measure_domains(features, domain_map, groups)
