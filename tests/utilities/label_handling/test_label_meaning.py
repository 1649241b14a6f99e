"""The entry `labels` of a dataset.json."""

import pytest

from nnunetv2.utilities.label_handling.label_meaning import class_values


def test_classes_have_the_values_that_are_written_for_them() -> None:
    assert class_values({"background": 0, "b": 2, "a": 1, "ignore": 3}, None) == {"b": 2, "a": 1}
    regions = {"background": 0, "nothing": [0], "whole": [1, 2], "core": 2, "ignore": 3}
    assert class_values(regions, [1, 5]) == {"whole": 1, "core": 5}


def test_each_region_needs_a_value() -> None:
    with pytest.raises(ValueError, match="zip"):
        class_values({"background": 0, "whole": [1, 2], "core": 2}, [1])
