"""The sections about the training data and the training of a model, in plain words."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from nnunetv2.reporting.figures import curves_figure
from nnunetv2.reporting.html_page import Cell, figure, heading, paragraph, table
from nnunetv2.reporting.model_facts import ModelFacts

MixingByFold = Mapping[str, Mapping[str, float]]
"""Fold -> the mixing ratios its batches had (domain -> share), without folds where these are not known."""


def training_data_section(facts: ModelFacts, mixing: MixingByFold) -> list[str]:
    """Describe the dataset, its domains with their share of the training as far as known, and the planned network."""
    if not facts.dataset and not facts.plans:
        return []
    parts = [heading("What the model was trained on"), table([], list(_facts(facts)), words=True)]
    if facts.domains:
        parts += [heading("Where the training images come from", 3), _domain_table(facts, mixing)]
    if facts.domains and mixing:
        parts.append(paragraph(_ratio_note(facts, mixing), "note"))
    return parts


def curves_section(name: str, curves: Mapping[str, Any]) -> list[str]:
    """Show the training curves of a fold, from training_curves.json."""
    if not curves.get("epochs"):
        return []
    seconds = [value for value in curves.get("epoch_seconds", []) if value is not None]
    duration = f" It took {_duration(sum(seconds))}." if seconds else ""
    many = bool(curves.get("domains"))
    advice = (
        "Lines that rise together mean that the model learns all domains; a line that stays below the others is a "
        "domain that the model finds harder."
        if many
        else "A line that no longer rises means that longer training would change little."
    )
    caption = (
        f"{curves['epochs']} epochs.{duration} Left: the error that training reduces. Right: agreement with the "
        f"reference in small validation patches{' of each domain' if many else ''}. {advice} Long curves are smoothed."
    )
    picture = figure(curves_figure(curves), caption, "Loss and Dice over the training epochs")
    return [heading(f"How the training went ({name})", 3), picture]


def _facts(facts: ModelFacts) -> Iterator[tuple[Cell, Cell]]:
    plan = facts.plan
    yield "Dataset", facts.dataset_name
    for key in ("description", "reference", "licence", "license"):
        if facts.dataset.get(key):
            yield key.capitalize(), str(facts.dataset[key])
    yield "Structures to find", ", ".join(facts.class_names.values())
    yield "Image channels", ", ".join(str(name) for name in _channels(facts))
    cases = facts.dataset.get("numTraining") or sum(len(cases) for cases in facts.domains.values())
    yield "Images in the dataset", str(cases)
    if plan:
        yield "Image section seen at once", " x ".join(str(size) for size in plan.get("patch_size", [])) + " pixels"
        yield "Sections per training step", str(plan.get("batch_size", ""))
        if any(spacing != 1 for spacing in plan.get("spacing", [])):
            yield "Pixel size", " x ".join(f"{spacing:.4g}" for spacing in plan["spacing"]) + " (as in the image files)"
        yield "Network", _network(plan)
    if facts.trainer:
        yield "Trained with", f"{facts.trainer}, configuration {facts.configuration}"


def _channels(facts: ModelFacts) -> Sequence[str]:
    channels = facts.dataset.get("channel_names") or facts.dataset.get("modality") or {}
    return list(channels.values()) if isinstance(channels, Mapping) else list(channels)


def _network(plan: Mapping[str, Any]) -> str:
    architecture = plan.get("architecture", {})
    kind = str(architecture.get("network_class_name", "")).rpartition(".")[2]
    features = architecture.get("arch_kwargs", {}).get("features_per_stage", [])
    if not features:
        return kind
    return f"{kind}, {len(features)} resolution levels, {features[0]} to {max(features)} features"


def _domain_table(facts: ModelFacts, mixing: MixingByFold) -> str:
    """Return a table of the domains; folds with the same mixing ratios share a column."""
    counts = {name: len(cases) for name, cases in facts.domains.items()}
    columns: dict[Cell, list[str]] = {
        "Domain": [*counts, "all"],
        "Images": [str(count) for count in (*counts.values(), sum(counts.values()))],
        "Share of the images" if mixing else "Share": _percentages(counts, counts),
    }
    folds_by_shares: dict[tuple[str, ...], list[str]] = {}
    for fold, ratios in mixing.items():
        folds_by_shares.setdefault(tuple(_percentages(ratios, counts)), []).append(fold)
    for shares, folds in folds_by_shares.items():
        where = f" ({', '.join(folds)})" if len(folds_by_shares) > 1 else ""
        columns[f"Share in training{where}"] = list(shares)
    if len(folds_by_shares) == 1:
        ratios, total = next(iter(mixing.values())), sum(counts.values())
        factors = [f"{ratios.get(name, 0.0) * total / count:.2f} x" for name, count in counts.items()]
        columns["Shown more (less) often by"] = [*factors, ""]
    return table(list(columns), list(zip(*columns.values(), strict=True)), totals=1)


def _percentages(amounts: Mapping[str, float], domains: Iterable[str]) -> list[str]:
    """Return the share of each domain, and of all."""
    total = sum(amounts.values())
    return [f"{amounts.get(name, 0.0) / total:.1%}" for name in domains] + ["100.0%"]


def _ratio_note(facts: ModelFacts, mixing: MixingByFold) -> str:
    sources = {_source_of(ratios, facts) for ratios in mixing.values()}
    source = sources.pop() if len(sources) == 1 else "was set by the trainer"
    return (
        f"The share in training (mixing ratio) {source}. A domain with few images may be shown more often than in "
        "proportion to their number, so that the model does not neglect it."
    )


def _source_of(ratios: Mapping[str, float], facts: ModelFacts) -> str:
    """Say in words which known ratios these are, counting only the domains of the fold."""
    known = {
        "was set by hand (domains.json)": facts.explicit_ratios,
        "was derived from how much the domains differ in appearance (prism_dd.json)": facts.measured_ratios,
        "is the same for every domain": dict.fromkeys(ratios, 1.0),
        "follows the number of images": {name: float(len(cases)) for name, cases in facts.domains.items()},
    }
    return next((words for words, other in known.items() if _same_shares(ratios, other)), "was set by the trainer")


def _same_shares(ratios: Mapping[str, float], other: Mapping[str, float]) -> bool:
    total, other_total = sum(ratios.values()), sum(other.get(name, 0.0) for name in ratios)
    if not ratios.keys() <= other.keys() or not total or not other_total:
        return False
    return all(math.isclose(ratios[name] / total, other[name] / other_total, abs_tol=1e-6) for name in ratios)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
