"""The mixing ratios: how often each domain is drawn in training (method, section 2.1)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from nnunetv2.errors import DomainMapError, SettingsError
from s1.domain_map import DomainMap


class RatioMode(str, Enum):
    """Where the ratios come from."""

    PRISM = "prism"
    """Those of prism_dd.json, which stage 1 derives from the measured discrepancy; the file must exist."""
    UNIFORM = "uniform"
    """The same for every domain."""
    PROPORTIONAL = "proportional"
    """By the number of cases, as in nnU-Net."""
    EXPLICIT = "explicit"
    """The `ratios` of domains.json; they must exist."""
    AUTO = "auto"
    """EXPLICIT if domains.json has ratios, else PRISM if prism_dd.json exists, else UNIFORM."""


@dataclass(frozen=True)
class MixingRatios:
    """The share of batch slots of each domain."""

    ratios: dict[str, float]
    """Domain -> ratio, at least 0, summing to 1 over the domains that have a case, in the order of the domain map."""
    mode: RatioMode
    """Where the ratios come from: the requested mode or, for AUTO, the one that was chosen."""
    left_out: tuple[str, ...]
    """Domains of the map without a case here; the other ratios were rescaled."""

    @property
    def source(self) -> str:
        """The mode in words, for the log."""
        return _SOURCES[self.mode]


_SOURCES = {
    RatioMode.PRISM: "stage 1 (prism_dd.json)",
    RatioMode.UNIFORM: "the same for every domain",
    RatioMode.PROPORTIONAL: "number of cases per domain",
    RatioMode.EXPLICIT: "ratios in domains.json",
}
NO_PRISM = "there is no prism_dd.json; run `drift prism`, then `nnUNetv2_preprocess`, which copies it"


def choose_ratios(
    mode: RatioMode,
    domain_map: DomainMap,
    present_cases: Sequence[str],
    prism_ratios: Mapping[str, float] | None,
) -> MixingRatios:
    """Return the ratios of the domains that have a case among `present_cases`, rescaled to sum to 1.

    Parameters:
        present_cases: the training cases of the fold, each of which has a domain in `domain_map`.
        prism_ratios: ratios of stage 1, None if it was not run.

    Raises SettingsError if the requested ratios do not exist, DomainMapError if they do not match the domains.
    """
    counts = dict.fromkeys(domain_map.names, 0)
    for case in present_cases:
        counts[domain_map.domain_of(case)] += 1
    mode = _settle(RatioMode(mode), domain_map, prism_ratios)
    weights = _weights(mode, counts, domain_map, prism_ratios)
    present = {name: weights[name] for name, count in counts.items() if count}
    left_out = tuple(name for name, count in counts.items() if not count)
    return MixingRatios(_normalized(present, _SOURCES[mode]), mode, left_out)


def _settle(mode: RatioMode, domain_map: DomainMap, prism_ratios: Mapping[str, float] | None) -> RatioMode:
    if mode is not RatioMode.AUTO:
        return mode
    if domain_map.ratios is not None:
        return RatioMode.EXPLICIT
    return RatioMode.UNIFORM if prism_ratios is None else RatioMode.PRISM


def _weights(
    mode: RatioMode, counts: Mapping[str, int], domain_map: DomainMap, prism_ratios: Mapping[str, float] | None
) -> Mapping[str, float]:
    if mode is RatioMode.EXPLICIT:
        return _existing(domain_map.ratios, "explicit", "domains.json has no 'ratios'")
    if mode is RatioMode.PRISM:
        ratios = _existing(prism_ratios, "prism", NO_PRISM)
        _check_names(ratios, domain_map)
        return ratios
    if mode is RatioMode.PROPORTIONAL:
        return counts
    return dict.fromkeys(counts, 1.0)


def _existing(ratios: Mapping[str, float] | None, mode: str, problem: str) -> Mapping[str, float]:
    if ratios is None:
        raise SettingsError(f"mixing ratios {mode!r} were requested, but {problem}, or choose another ratio mode")
    return ratios


def _check_names(ratios: Mapping[str, float], domain_map: DomainMap) -> None:
    missing = [name for name in domain_map.names if name not in ratios]
    unknown = [name for name in ratios if name not in domain_map.names]
    if missing or unknown:
        raise DomainMapError(
            f"prism_dd.json does not match domains.json: it lacks {missing or 'none'} and has the unknown domains "
            f"{unknown or 'none'}. Run `drift prism` again, then `nnUNetv2_preprocess`"
        )


def _normalized(weights: Mapping[str, float], source: str) -> dict[str, float]:
    total = math.fsum(weights.values())
    usable = all(math.isfinite(weight) and weight >= 0 for weight in weights.values())
    if not usable or not total > 0:
        raise DomainMapError(
            f"{source}: got {dict(weights)} for the domains that have training cases; expected finite numbers, "
            "none negative and not all zero"
        )
    return {name: weight / total for name, weight in weights.items()}
