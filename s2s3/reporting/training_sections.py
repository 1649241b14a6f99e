"""The sections about the training data and the training of a model, in plain words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnunetv2.reporting.figures import curves_figure
from nnunetv2.reporting.html_page import Cell, figure, heading, paragraph, table
from nnunetv2.reporting.model_facts import ModelFacts

_TRAINERS_WITHOUT_BALANCE = ("NoBatchBalance", "NoDomains")


def training_data_section(facts: ModelFacts, ratios: Mapping[str, float]) -> list[str]:
    """Describe the dataset, its domains with their share of the training, and the planned network.

    Parameters:
        ratios: mixing ratios in force, domain -> share; empty if they are not known.
    """
    if not facts.dataset and not facts.plans:
        return []
    parts = [heading("What the model was trained on"), table([], list(_facts(facts)), words=True)]
    if facts.domains:
        parts.append(heading("Where the training images come from", 3))
        if not ratios or any(name in facts.trainer for name in _TRAINERS_WITHOUT_BALANCE):
            parts.append(_domain_table(facts))
        else:
            parts += [_balanced_domain_table(facts, ratios), paragraph(_ratio_note(facts, ratios), "note")]
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


def _domain_table(facts: ModelFacts) -> str:
    total = sum(len(cases) for cases in facts.domains.values())
    rows = [[name, str(len(cases)), f"{len(cases) / total:.1%}"] for name, cases in facts.domains.items()]
    return table(["Domain", "Images", "Share"], [*rows, ["all", str(total), "100.0%"]], totals=1)


def _balanced_domain_table(facts: ModelFacts, ratios: Mapping[str, float]) -> str:
    total = sum(len(cases) for cases in facts.domains.values())
    rows: list[list[Cell]] = []
    for name, cases in facts.domains.items():
        share, ratio = len(cases) / total, ratios.get(name, 0.0)
        rows.append([name, str(len(cases)), f"{share:.1%}", f"{ratio:.1%}", f"{ratio / share:.2f} x"])
    header = ["Domain", "Images", "Share of the images", "Share in training", "Shown more (less) often by"]
    return table(header, [*rows, ["all", str(total), "100.0%", f"{sum(ratios.values()):.1%}", ""]], totals=1)


def _ratio_note(facts: ModelFacts, ratios: Mapping[str, float]) -> str:
    known = {
        "was set by hand (domains.json)": facts.explicit_ratios,
        "was derived from how much the domains differ in appearance (prism_dd.json)": facts.measured_ratios,
        "is the same for every domain": dict.fromkeys(ratios, 1.0),
        "follows the number of images": {name: float(len(cases)) for name, cases in facts.domains.items()},
    }
    source = next((words for words, other in known.items() if _same_shares(ratios, other)), "was set by the trainer")
    return (
        f"The share in training (mixing ratio) {source}. A domain with few images may be shown more often than in "
        "proportion to their number, so that the model does not neglect it."
    )


def _same_shares(ratios: Mapping[str, float], other: Mapping[str, float]) -> bool:
    total, other_total = sum(ratios.values()), sum(other.values())
    if ratios.keys() != other.keys() or not total or not other_total:
        return False
    return all(math.isclose(ratios[name] / total, other[name] / other_total, abs_tol=1e-6) for name in ratios)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
