"""The card of a trained model: its training, its scores, its purpose and its limits, as plain values."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnunetv2.drift_version import DRIFT, NNUNET
from nnunetv2.errors import InvalidValueError
from nnunetv2.file_kinds.card_files import CARD_TEXT, CARD_VERSION, MODEL_CARD
from nnunetv2.file_kinds.dataset_files import MODEL_DATASET
from nnunetv2.file_kinds.plans_files import CONFIGURATION, PLANS
from nnunetv2.foundation.files import read_json
from nnunetv2.model_sharing.card_scores import read_scores
from nnunetv2.model_sharing.model_files import Wanted, merged_results
from nnunetv2.utilities.file_path_utilities import convert_identifier_to_trainer_plans_config
from nnunetv2.utilities.plans_handling.inheritance import with_inherited
from s1.domain_files import read_domain_map
from s1.json_files import JsonFile
from s1.json_schema import TEXT, Record

CARD_FILE, CARD_PAGE = "drift_model_card.json", "MODEL_CARD.md"
_MACHINE = ("torch_version", "cudnn_version", "gpu_name", "device")
"""Entries of debug.json that say with what a fold was trained; that of the computer's name stays out."""
_DEBUG = JsonFile("debug.json", Record({}, dict.fromkeys(_MACHINE, TEXT)))

Card = dict[str, Any]


@dataclass(frozen=True)
class CardTexts:
    """What only the author of a model can say."""

    intended_use: str | None = None
    not_tested_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in (*((self.intended_use,) if self.intended_use is not None else ()), *self.not_tested_on):
            if not CARD_TEXT.fits(text):
                raise InvalidValueError(f"text of the model card: got {text!r:.60}, expected {CARD_TEXT.expected}")


def describe_model(model: Path, files: Sequence[Path], wanted: Wanted, texts: CardTexts) -> Card:
    """Return the card of a model folder, but for the hashes of its files.

    Parameters:
        files: the files of the model that are packed.

    Raises InvalidValueError or DomainMapError for plans.json, dataset.json, domains.json or scores that are damaged.
    """
    folds = [f"{fold}" for fold in wanted.folds if any(model / f"fold_{fold}" in file.parents for file in files)]
    validations = [model / f"fold_{fold}" / "validation" for fold in folds]
    training = _training(model, [model / f"fold_{fold}" for fold in folds])
    scores = read_scores(model, [merged_results(model, wanted), *validations])
    said = _said(model, texts)
    return {
        "version": CARD_VERSION,
        "model": _names(model, folds, wanted.checkpoints),
        "made_by": {"drift": DRIFT, "nnunetv2": NNUNET, "python": platform.python_version()},
        "training": training,
        "scores": scores,
        "author": {"intended_use": said.intended_use, "not_tested_on": list(said.not_tested_on)},
        "intended_use": said.intended_use or _usual_purpose(training),
        "not_tested_on": [*said.not_tested_on, *_limits(training, scores, folds)],
    }


def _names(model: Path, folds: Sequence[str], checkpoints: Sequence[str]) -> dict[str, Any]:
    parts = convert_identifier_to_trainer_plans_config(model.name)
    names = dict(zip(("trainer", "plans", "configuration"), parts, strict=True))
    return {"dataset": model.parent.name, **names, "folds": list(folds), "checkpoints": list(checkpoints)}


def _training(model: Path, folds: Sequence[Path]) -> dict[str, Any]:
    dataset = read_json(model / "dataset.json", MODEL_DATASET)
    plans = read_json(model / "plans.json", PLANS)
    configuration = _configuration(plans, convert_identifier_to_trainer_plans_config(model.name)[-1])
    domains = read_domain_map(model / "domains.json").domains if (model / "domains.json").is_file() else {}
    cases = dataset.get("numTraining")
    known = type(cases) is int and cases >= 0
    return {
        "cases": cases if known else sum(map(len, domains.values())) or None,
        "domains": {name: len(members) for name, members in domains.items()},
        "channels": _channels(dataset.get("channel_names") or dataset.get("modality") or ()),
        "labels": [_text(name) for name in dataset["labels"]],
        **{key: configuration.get(key) for key in ("spacing", "patch_size")},
        "made_with": _made_with(folds),
    }


def _configuration(plans: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    configurations = plans.get("configurations", {})
    found = with_inherited(name, configurations, "plans.json") if name in configurations else {}
    return found if not CONFIGURATION.problems(found) else {}


def _channels(names: Any) -> list[str]:
    return [_text(name) for name in (names.values() if isinstance(names, dict) else names)]


def _text(name: Any) -> str:
    """Return a name from a file as one short line."""
    text = str(name)
    return text if CARD_TEXT.fits(text) else repr(text)[:100]


def _made_with(folds: Sequence[Path]) -> dict[str, str]:
    """Return device and versions of the first fold that says them."""
    files = [fold / "debug.json" for fold in folds if (fold / "debug.json").is_file()]
    described = read_json(files[0], _DEBUG) if files else {}
    return {key: _text(described[key]) for key in _MACHINE if described.get(key)}


def _said(model: Path, texts: CardTexts) -> CardTexts:
    """Return the author's texts; those of the model's card, from an earlier export, where there are none."""
    file = model / CARD_FILE
    if not file.is_file():
        return texts
    earlier = read_json(file, MODEL_CARD)["author"]
    untested = texts.not_tested_on or tuple(earlier["not_tested_on"])
    return CardTexts(texts.intended_use or earlier["intended_use"], untested)


def _usual_purpose(training: Mapping[str, Any]) -> str:
    foreground = [name for name in training["labels"] if name not in ("background", "ignore")]
    what = _few(foreground) or "its classes"
    return f"research: segmentation of {what} in images like those of the training; no medical device"


def _limits(training: Mapping[str, Any], scores: Sequence[Mapping[str, Any]], folds: Sequence[str]) -> list[str]:
    """Return what follows from the files about where the figures say nothing."""
    domains, tested = training["domains"], {name for entry in scores for name in entry["domains"]}
    beyond = f"sources of images other than {_few(domains)}" if domains else "sources of images one by one"
    spacing = training["spacing"] and " x ".join(f"{size:g}" for size in training["spacing"])
    untested = [name for name in domains if name not in tested]
    lines = [
        beyond,
        f"pixel sizes far from {spacing}" if spacing else "",
        f"images of {_few(untested)}: no evaluated case" if untested and domains else "",
        "images that no fold was trained on: there are no scores" if not scores else "",
        "images outside of its training data: fold all is validated on them" if "all" in folds else "",
        "clinical use",
    ]
    return [line for line in lines if line]


def _few(names: Sequence[str] | Mapping[str, Any], most: int = 12) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
