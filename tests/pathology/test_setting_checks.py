"""What is said about settings: those that are wrong, those without effect, and the first that differs."""

from dataclasses import dataclass
from typing import Any

import pytest

from nnunetv2.errors import ArgumentError
from nnunetv2.pathology.setting_checks import SettingCheck, among, first_difference, require_effect, require_right


@dataclass(frozen=True)
class Tea:
    cups: int = 1
    margin_um: float = 2.0


def test_all_wrong_settings_are_named_with_value_and_expectation() -> None:
    right = SettingCheck("--milk", 1.0, True, "0 to 1")
    wrong = [SettingCheck("--sugar", 1.5, False, "0 to 1"), among("--sort", "coffee", (None, "green", "black"))]
    require_right([right])
    with pytest.raises(ArgumentError) as caught:
        require_right([right, *wrong])
    assert str(caught.value) == "--sugar 1.5: expected 0 to 1; --sort coffee: expected one of green, black"


def test_settings_without_effect_are_refused_unless_they_have_their_defaults() -> None:
    reasons = {"cups": "without a pot", "margin_um": "without a saucer", "of_others": "ever"}
    require_effect(Tea(), reasons)
    require_effect(Tea(cups=2), {"margin_um": "without a saucer"})
    with pytest.raises(ArgumentError) as caught:
        require_effect(Tea(2, 3.0), reasons)
    assert str(caught.value) == "--cups has no effect without a pot; --margin has no effect without a saucer"


@pytest.mark.parametrize(
    ("found", "wanted", "difference"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, None),
        ({"a": 1}, {"a": 1, "b": None}, None),
        ({"tile": 512, "mpp": 1}, {"tile": 256, "mpp": 2}, "tile 512 instead of 256"),
        ({"old": 1}, {}, "old 1 instead of null"),
        ({"map": {"x": "A"}}, {"map": {"x": "B"}}, "map x 'A' instead of 'B'"),
        ({"labels": [["A", 1], ["B", 2]]}, {"labels": [["A", 1], ["B", 3]]}, "labels B 2 instead of 3"),
        ({"labels": [["A", 1]]}, {"labels": [["A", 1], ["C", 2]]}, "labels C null instead of 2"),
        (
            {"labels": [["A", 1], ["B", 2]]},
            {"labels": [["B", 2], ["A", 1]]},
            "labels in the order A, B instead of B, A",
        ),
        ({"save": ["a", "b"]}, {"save": ["a"]}, "save ['a', 'b'] instead of ['a']"),
    ],
)
def test_the_first_difference_is_named_by_what_it_is_of(found: Any, wanted: Any, difference: str | None) -> None:
    assert first_difference(found, wanted) == difference
