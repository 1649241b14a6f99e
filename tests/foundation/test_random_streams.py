import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import SettingsError
from nnunetv2.foundation.random_streams import NoSeed, RandomStreams, requested_seed, streams_of


def draws() -> tuple[float, float, float]:
    return np.random.uniform(), random.random(), torch.rand(1).item()


def drawn(streams: Any, *names: Any) -> tuple[float, float, float]:
    with streams.stream(*names):
        return draws()


def test_a_stream_is_the_same_whatever_was_drawn_before() -> None:
    first = drawn(RandomStreams(3), "patch", 1, 2)
    draws()
    assert drawn(RandomStreams(3), "patch", 1, 2) == first


@pytest.mark.parametrize("other", [(4, "patch", 1, 2), (3, "case", 1, 2), (3, "patch", 2, 1), (3, "patch", 1, 3)])
def test_seed_purpose_and_each_number_give_another_stream(other: tuple[Any, ...]) -> None:
    first, second = drawn(RandomStreams(3), "patch", 1, 2), drawn(RandomStreams(other[0]), *other[1:])
    assert not set(first) & set(second)


def test_the_generators_are_as_before_also_after_an_error_and_within_another_stream() -> None:
    streams = RandomStreams(3)
    for seed in (np.random.seed, random.seed, torch.manual_seed):
        seed(0)
    expected = draws()
    for seed in (np.random.seed, random.seed, torch.manual_seed):
        seed(0)
    with suppress(ZeroDivisionError), streams.stream("outer"):
        drawn(streams, "inner")
        raise ZeroDivisionError
    assert draws() == expected


def test_without_a_seed_nothing_is_seeded() -> None:
    assert isinstance(streams_of(None), NoSeed)
    np.random.seed(0)
    expected = np.random.uniform()
    np.random.seed(0)
    with streams_of(None).stream("patch", 1):
        assert np.random.uniform() == expected


@pytest.mark.parametrize(
    ("variable", "setting", "seed"),
    [(None, None, None), (None, 0, 0), ("", 5, 5), (" '7' ", 5, 7), ("4294967295", None, 2**32 - 1)],
)
def test_the_variable_goes_before_the_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, setting: int | None, seed: int | None
) -> None:
    if variable is not None:
        monkeypatch.setenv("DRIFT_SEED", variable)
    assert requested_seed(setting) == seed


@pytest.mark.parametrize("variable", ["-1", "1.5", "4294967296", "x", "\u0661"])
def test_what_is_no_seed_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("DRIFT_SEED", variable)
    with pytest.raises(SettingsError, match=r"DRIFT_SEED is .*expected a whole number from 0 to 4294967295"):
        requested_seed(None)


@pytest.mark.parametrize("setting", [-1, 2**32, True, 1.5, "7"])
def test_a_trainers_setting_is_checked(setting: Any) -> None:
    with pytest.raises(SettingsError, match="training_seed is"):
        requested_seed(setting)
