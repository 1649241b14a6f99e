import numpy as np
import pytest

from nnunetv2.errors import ImageProblemError
from nnunetv2.imageio.base_reader_writer import BaseReaderWriter, agree, require_same, stack_channels, stored_dtype


def test_check_all_same_compares_all_entries_with_the_first_one() -> None:
    assert BaseReaderWriter._check_all_same([(1.0, 2.0)])
    assert BaseReaderWriter._check_all_same([(1.0, 2.0), (1.0, 2.0 + 1e-9)])
    assert not BaseReaderWriter._check_all_same([(1.0, 2.0), (1.0, 2.0), (1.0, 2.1)])


def test_check_all_same_raises_for_entries_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        BaseReaderWriter._check_all_same([(1.0, 2.0), (1.0, 2.0, 3.0)])


def test_check_all_same_array_needs_equal_shapes() -> None:
    assert BaseReaderWriter._check_all_same_array([np.ones((2, 3)), np.ones((2, 3))])
    assert not BaseReaderWriter._check_all_same_array([np.ones((2, 3)), np.ones((3, 2))])
    assert not BaseReaderWriter._check_all_same_array([np.ones((2, 3)), np.zeros((2, 3))])


def test_stacking_names_the_files_whose_shapes_differ() -> None:
    with pytest.raises(ImageProblemError, match=r"a.png: \(1, 1, 2, 3\), b.png: \(1, 1, 3, 2\)"):
        stack_channels([np.ones((1, 1, 2, 3)), np.ones((1, 1, 3, 2))], ("a.png", "b.png"))


def test_stacking_gives_float32_and_keeps_interleaved_channels_interleaved() -> None:
    colours = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3).transpose(2, 0, 1)[:, None]

    stacked = stack_channels([colours], ("a.png",))

    assert stacked.dtype == np.float32
    assert stacked.strides == (4, 4, 48, 12)
    np.testing.assert_array_equal(stacked, colours)


def test_values_of_different_lengths_do_not_agree() -> None:
    assert agree([(1, 2), (1, 2)])
    assert not agree([(1, 2), (1, 2, 3)])


def test_a_differing_spacing_is_named_with_its_file() -> None:
    with pytest.raises(ImageProblemError, match=r"differ in spacing: a: \[1.0, 2.0\], b: \[1.0, 3.0\]"):
        require_same("spacing", [(1, 2), (1, 3)], ("a", "b"))


@pytest.mark.parametrize(("largest", "dtype"), [(0, np.uint8), (254, np.uint8), (255, np.uint16), (300, np.uint16)])
def test_labels_take_8_bits_while_the_largest_is_below_255(largest: int, dtype: type) -> None:
    assert stored_dtype(np.array([0, largest])) is dtype
