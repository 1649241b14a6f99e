"""Compute the result of stage 1 from the features of all domains (method, sections 1.2 and 1.3)."""

from collections.abc import Mapping

from s1.domain_shift import DomainFeatures, default_class_weights, difference, mixing_ratios, pair_shift, pairs_of
from s1.prism_result import PairResult, Pairs, PrismResult, PrismSettings


def compare_domains(
    domains: Mapping[str, DomainFeatures],
    class_weights: Mapping[int, float] | None = None,
    *,
    crop_common: bool = False,
    ignore_label: int | None = None,
    domain_file_sha256: str | None = None,
    distances: Mapping[str, Pairs] | None = None,
) -> PrismResult:
    """Compute the shifts of all pairs and the ratios of all domains.

    Parameters:
        class_weights: label -> weight, 1 for labels not named; None uses the defaults for the labels that occur.
        distances: by the images alone; they stand beside the shifts and change no ratio.

    If any domain lacks masks, class shares are ignored for all domains.
    """
    have_masks = [name for name, features in domains.items() if features.class_shares is not None]
    notes = _mask_notes(domains, have_masks)
    if len(have_masks) < len(domains):
        weights = None
    else:
        weights = dict(class_weights or default_class_weights(_labels_in(domains)))
        weights |= {label: 1.0 for label in _labels_in(domains) if label not in weights}
    compared = {name: _without_shares(f) if weights is None else f for name, f in domains.items()}
    pairs = []
    for a, b in pairs_of(list(domains)):
        unscaled = difference(compared[a], compared[b], weights or {})
        pairs.append(PairResult(a, b, pair_shift(unscaled), unscaled))
    ratios = mixing_ratios(list(domains), {(pair.a, pair.b): pair.outcome.shift for pair in pairs})
    settings = PrismSettings(weights, crop_common, ignore_label)
    return PrismResult(dict(domains), tuple(pairs), ratios, settings, domain_file_sha256, notes, dict(distances or {}))


def _labels_in(domains: Mapping[str, DomainFeatures]) -> list[int]:
    return sorted({label for features in domains.values() for label in features.class_shares or ()})


def _without_shares(features: DomainFeatures) -> DomainFeatures:
    return DomainFeatures(features.images, None, features.grey_mean, features.grey_std, features.glcm_contrast)


def _mask_notes(domains: Mapping[str, DomainFeatures], have_masks: list[str]) -> tuple[str, ...]:
    if len(have_masks) == len(domains):
        return ()
    missing = ", ".join(name for name in domains if name not in have_masks)
    return (f"No masks for {missing}: class shares are ignored and their weight is shared among the other features.",)
