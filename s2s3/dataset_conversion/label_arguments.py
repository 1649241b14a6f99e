"""Pairs on the command line, such as labels with their values."""

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from nnunetv2.errors import SettingsError

_LARGEST_LABEL = 65535
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def named_once(option: str, pairs: Sequence[tuple[_Key, _Value]]) -> dict[_Key, _Value]:
    """Return pairs as a dictionary. Raises SettingsError, naming the option, for keys that are named twice."""
    twice = [str(key) for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        raise SettingsError(f"{option} names {', '.join(twice)} more than once")
    return dict(pairs)


def named_label(text: str) -> tuple[str, int]:
    """Return name and value of `tumor=1`. Raises ArgumentTypeError for other texts."""
    name, separator, value = text.partition("=")
    if not separator or not name or not _is_label(value):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE, for example tumor=1, values from 0 to 65535")
    return name, int(value)


def _is_label(text: str) -> bool:
    return text.isdecimal() and int(text) <= _LARGEST_LABEL


def value_pair(text: str) -> tuple[int, int]:
    """Return both numbers of `255=1`. Raises ArgumentTypeError for other texts."""
    found, separator, label = text.partition("=")
    if not separator or not _is_label(found) or not _is_label(label):
        raise argparse.ArgumentTypeError(f"{text!r}: expected FOUND=LABEL, for example 255=1, values from 0 to 65535")
    return int(found), int(label)
