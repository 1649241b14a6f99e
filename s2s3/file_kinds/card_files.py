"""The card of a model in a zip file: what it was trained on, how well it does, and the hash of every file."""

import re
from typing import Any

from nnunetv2.file_kinds.result_files import COMPARISON, DOMAIN_SCORES
from s1.json_files import JsonFile
from s1.json_schema import (
    NAME,
    NUMBER,
    NUMBER_OR_NAN,
    TRUE_OR_FALSE,
    ListOf,
    MapOf,
    Record,
    Value,
    optional,
    whole_number,
)

CARD_VERSION = 1
LONGEST_TEXT = 2000
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _is_short(value: Any) -> bool:
    return NAME.fits(value) and len(value) <= LONGEST_TEXT


CARD_TEXT = Value(f"a text of one line and at most {LONGEST_TEXT} characters", _is_short)
_HASH = Value("a SHA-256 of 64 hexadecimal digits", lambda value: isinstance(value, str) and bool(_SHA256.match(value)))
_COUNT = optional(whole_number(0))
_MODEL = Record(
    {
        **{name: NAME for name in ("dataset", "trainer", "plans", "configuration")},
        "folds": ListOf(NAME, 1),
        "checkpoints": ListOf(NAME, 1),
    }
)
_TRAINING = Record(
    {
        "cases": _COUNT,
        "domains": MapOf(whole_number(1)),
        "channels": ListOf(CARD_TEXT),
        "labels": ListOf(CARD_TEXT, 1),
        "spacing": optional(ListOf(NUMBER, 2, 3)),
        "patch_size": optional(ListOf(whole_number(1), 2, 3)),
        "made_with": MapOf(CARD_TEXT),
    }
)
_CLASS_MEANS = MapOf(optional(NUMBER_OR_NAN))
_SCORES = Record(
    {
        "source": NAME,
        "on_training_images": TRUE_OR_FALSE,
        "cases": whole_number(0),
        "dice": optional(NUMBER_OR_NAN),
        "dice_by_class": _CLASS_MEANS,
        "domains": MapOf(DOMAIN_SCORES),
    },
    COMPARISON,
)
MODEL_CARD = JsonFile(
    "card of a model",
    Record(
        {
            "version": Value(f"{CARD_VERSION}; a newer DRIFT wrote it", lambda version: version == CARD_VERSION),
            "model": _MODEL,
            "made_by": MapOf(CARD_TEXT),
            "training": _TRAINING,
            "scores": ListOf(_SCORES),
            "author": Record({"intended_use": optional(CARD_TEXT), "not_tested_on": ListOf(CARD_TEXT)}),
            "intended_use": CARD_TEXT,
            "not_tested_on": ListOf(CARD_TEXT, 1),
            "files": MapOf(Record({"bytes": whole_number(0), "sha256": _HASH}), 1),
        }
    ),
    "get the file again from where it comes from",
    largest_mib=16,
)
