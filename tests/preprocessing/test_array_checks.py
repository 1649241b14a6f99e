from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import InvalidValueError, WrongShapeError
from nnunetv2.preprocessing.array_checks import check_array

IMAGE = np.zeros((3, 1, 8, 9), np.float32)
SPACING = {"spacing": [999, 1, 1]}


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64])
@pytest.mark.parametrize("spacing", [[999, 1, 1], (3.0, 0.5, 0.5), np.array([1, 1, 1])])
def test_numbers_of_any_type_with_three_spacings_are_fine(dtype: Any, spacing: Any) -> None:
    check_array(IMAGE.astype(dtype), {"spacing": spacing, "more": None})


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (IMAGE[:, 0], r"shape \(3, 8, 9\)"),
        (np.moveaxis(IMAGE[:, 0], 0, -1), r"shape \(8, 9, 3\)"),
        (IMAGE[0, 0], r"shape \(8, 9\)"),
        (IMAGE[None], r"shape \(1, 3, 1, 8, 9\)"),
        (IMAGE[:0], r"shape \(0, 1, 8, 9\)"),
        (IMAGE.tolist(), "type list"),
        (None, "type NoneType"),
        (IMAGE.astype(str), "type <U"),
        (IMAGE.astype(complex), "type complex128"),
    ],
)
def test_another_form_is_refused_with_what_was_expected(image: Any, found: str) -> None:
    with pytest.raises(WrongShapeError, match=f"a.png .*{found}.*, expected"):
        check_array(image, SPACING, "a.png")


@pytest.mark.parametrize(
    "spacing",
    [
        [1, 1],
        [1, 1, 1, 1],
        1,
        None,
        "1",
        [1, 1, 0],
        [1, -1, 1],
        [1, np.nan, 1],
        [1, np.inf, 1],
        [[1, 1, 1]],
        ["1", "1", "1"],
        [1, [1], 1],
    ],
)
def test_a_spacing_that_is_not_three_positive_numbers_is_refused(spacing: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"spacing .*expected three positive numbers"):
        check_array(IMAGE, {"spacing": spacing})


@pytest.mark.parametrize("properties", [{}, {"Spacing": [1, 1, 1]}, None, [1, 1, 1]])
def test_properties_without_a_spacing_are_refused(properties: Any) -> None:
    with pytest.raises(InvalidValueError, match="the image has no spacing"):
        check_array(IMAGE, properties)
