"""Files that trainings, predictions and evaluations write."""

import re
from collections.abc import Iterator
from typing import Any

from s1.json_files import CASE_LIST_MIB, JsonFile
from s1.json_schema import (
    NAME,
    NUMBER,
    NUMBER_OR_NAN,
    OBJECT,
    TEXT,
    TRUE_OR_FALSE,
    Also,
    Either,
    ListOf,
    MapOf,
    Problem,
    Record,
    Schema,
    Value,
    optional,
    shown,
    whole_number,
)

_CLASS_KEY = re.compile(r"-?\d{1,9}|\((-?\d{1,9}(, ?|,?(?=\))))*\)")
CLASS = Value("a label or region such as '1' or '(1, 2)'", lambda key: bool(_CLASS_KEY.fullmatch(str(key))))
SCORES = Record({"Dice": NUMBER_OR_NAN, "IoU": NUMBER_OR_NAN})
_EVALUATE_AGAIN = "evaluate the predictions again"


def _summary(metrics: Schema, fewest: int) -> JsonFile:
    by_class = MapOf(metrics, fewest, CLASS)
    case = Record({"metrics": by_class, "reference_file": TEXT, "prediction_file": TEXT})
    content: dict[str, Schema] = {
        "metric_per_case": ListOf(case, fewest),
        "mean": by_class,
        "foreground_mean": metrics,
    }
    return JsonFile("summary.json", Also(Record(content), (_missing_classes,)), _EVALUATE_AGAIN, CASE_LIST_MIB)


def _missing_classes(summary: dict[str, Any]) -> Iterator[Problem]:
    """Yield the cases that lack the score of a class."""
    for number, case in enumerate(summary["metric_per_case"]):
        absent = [key for key in summary["mean"] if key not in case["metrics"]]
        if absent:
            text = f"lacks the classes {', '.join(map(shown, absent))} that 'mean' has"
            yield Problem(text, ("metric_per_case", number, "metrics"))


SUMMARY = _summary(MapOf(NUMBER_OR_NAN), 0)
"""An evaluation by any metrics, perhaps of no case. NaN is the Dice of a class that is in neither image."""
SCORED_SUMMARY = _summary(SCORES, 1)
"""An evaluation of one case or more that has Dice and IoU."""

_KNOWN = optional(NUMBER_OR_NAN)
_MEAN = Record({"mean": _KNOWN, "interval": ListOf(_KNOWN, 2, 2), "cases": whole_number(0)})
_MEANS = Record({"Dice": _MEAN, "IoU": _MEAN})
_PAIR = Record({"Dice": _KNOWN, "IoU": _KNOWN})
_CHOSEN_DOMAIN = Record({"domain": optional(TEXT), "Dice": _KNOWN})
_MEMBERSHIP = Record(
    {
        "nearest": TEXT,
        "distance": NUMBER,
        "limit": NUMBER,
        "inside": TRUE_OR_FALSE,
        "distances": MapOf(NUMBER, 1),
    }
)
PREDICT_DOMAINS = JsonFile(
    "domains of predicted cases", Record({"cases": MapOf(optional(_MEMBERSHIP))}), largest_mib=CASE_LIST_MIB
)

DOMAIN_SCORES = Record({"cases": whole_number(0), "foreground": _MEANS, "classes": MapOf(_MEANS)})
"""Dice and IoU of a domain, with intervals, of all classes and of each."""
COMPARISON: dict[str, Schema] = {
    "mean_over_domains": _PAIR,
    "balanced": _PAIR,
    "worst_domain": _CHOSEN_DOMAIN,
    "best_domain": _CHOSEN_DOMAIN,
    "gap": _KNOWN,
}
"""What is said about the domains together."""

_BAD_CASE = Record({"case": TEXT, "domain": TEXT, "Dice": NUMBER, "prediction_file": TEXT, "reference_file": TEXT})

DOMAIN_SUMMARY = JsonFile(
    "evaluation by domain",
    Record(
        {
            "classes": ListOf(CLASS),
            "domains": MapOf(DOMAIN_SCORES, 1),
            **COMPARISON,
            "worst_cases": ListOf(_BAD_CASE),
        },
        {"summary_sha256": TEXT},
    ),
    _EVALUATE_AGAIN,
    CASE_LIST_MIB,
)

_CURVE = ListOf(_KNOWN)
TRAINING_CURVES = JsonFile(
    "training curves",
    Record(
        {"epochs": whole_number(0), "train_losses": _CURVE, "val_losses": _CURVE, "mean_fg_dice": _CURVE},
        {
            "ema_fg_dice": _CURVE,
            "lrs": _CURVE,
            "epoch_seconds": _CURVE,
            "domains": MapOf(Record({"dice": _CURVE})),
            "balanced_dice": optional(_CURVE),
            "mixing_ratios": optional(MapOf(NUMBER)),
        },
    ),
)

POSTPROCESSING = JsonFile(
    "result of postprocessing",
    Record(
        {key: Record({"foreground_mean": Record({"Dice": NUMBER_OR_NAN})}) for key in ("input_folder", "postprocessed")}
    ),
    largest_mib=CASE_LIST_MIB,
)

_CASES = ListOf(ListOf(NAME))
PREDICTION_ARGUMENTS = JsonFile(
    "record of a prediction",
    Record({}, {"list_of_lists_or_source_folder": optional(Either((TEXT, _CASES, ListOf(TEXT))))}),
    largest_mib=CASE_LIST_MIB,
)

BENCHMARKS = JsonFile("file of benchmark results", MapOf(OBJECT), "move it away")

_STAMP = Value(
    "a list of name, size and time", lambda value: isinstance(value, list) and len(value) == 3 and TEXT.fits(value[0])
)
FINISHED_CASE = Record({"case": TEXT, "sources": ListOf(_STAMP), "outputs": ListOf(_STAMP)}, closed=True)
"""A line of the journal of preprocessed cases."""
