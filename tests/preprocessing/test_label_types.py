import numpy as np
import pytest

from nnunetv2.errors import UnfitImageError
from nnunetv2.preprocessing.label_types import compact_labels, signed_labels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_unsigned_labels_become_signed(dtype: type) -> None:
    result = signed_labels(np.array([0, 255], dtype))
    assert result.dtype == np.int64
    assert result.tolist() == [0, 255]


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.float32])
def test_types_that_hold_minus_1_stay(dtype: type) -> None:
    seg = np.array([0, -1], dtype)
    assert signed_labels(seg) is seg


@pytest.mark.parametrize(("largest", "dtype"), [(0, np.int8), (127, np.int8), (128, np.int16), (32767, np.int16)])
def test_the_largest_label_decides_the_type(largest: int, dtype: type) -> None:
    result = compact_labels(np.array([-1, largest], np.float32))
    assert result.dtype == dtype
    assert result.tolist() == [-1, largest]


def test_labels_that_16_bits_cannot_hold_are_refused() -> None:
    with pytest.raises(UnfitImageError, match="found label 32768; preprocessed cases hold labels up to 32767"):
        compact_labels(np.array([32768]))
