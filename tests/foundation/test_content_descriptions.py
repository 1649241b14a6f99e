import numpy as np
import pytest

from nnunetv2.foundation.content_descriptions import describe_content


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, "an empty dict"),
        ({"a": 1}, "a dict with 'a'"),
        ({"a\n": 1, 2: 3}, "a dict with 'a\\n' and 2"),
        (dict.fromkeys(range(9)), "a dict with 0, 1, 2, 3, 4 and 4 more"),
        ((1, 2), "a tuple of 2 values"),
        (np.zeros((2, 3), np.uint8), "an array of shape (2, 3) and type uint8"),
        ("text", "a str"),
    ],
)
def test_content_is_described_in_a_few_words(content: object, expected: str) -> None:
    assert describe_content(content) == expected


def test_long_keys_are_cut() -> None:
    assert len(describe_content({"a" * 1000: 1})) < 60
