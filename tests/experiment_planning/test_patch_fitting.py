"""Initial patch, shrinking, batch size."""

import numpy as np
import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.experiment_planning.experiment_planners.patch_fitting import (
    batch_size_for,
    first_patch_size,
    shrink_longest_axis,
    topology_for,
)


def test_the_first_patch_is_isotropic_in_millimetres_and_within_the_image() -> None:
    assert first_patch_size(np.array([1.0, 1.0, 1.0]), (500, 500, 200.5)) == [256, 256, 200.5]
    assert first_patch_size(np.array([2.0, 1.0, 1.0]), (500, 500, 500)) == [161, 323, 323]
    assert first_patch_size(np.array([1.0, 1.0]), (5000, 1000)) == [2048, 1000]


def test_of_equally_covered_axes_the_last_shrinks() -> None:
    smaller = shrink_longest_axis(topology_for((1, 1, 1), (128,) * 3, 4), (1, 1, 1), (200, 200, 200), 4)

    assert smaller.patch_size == (128, 128, 112)


def test_the_axis_that_covers_most_of_the_image_shrinks() -> None:
    smaller = shrink_longest_axis(topology_for((1, 1), (256, 256), 4), (1, 1), (256, 1024), 4)

    assert smaller.patch_size == (224, 256)


def test_a_patch_that_cannot_shrink_any_more_is_an_error() -> None:
    smallest = topology_for((1, 1), (1, 1), 4)
    with pytest.raises(SettingsError, match=r"no patch fits .* Increase -gpu_memory_target"):
        shrink_longest_axis(smallest, (1, 1), (4, 4), 4)


def test_the_batch_fills_the_memory_but_covers_only_a_part_of_the_data() -> None:
    assert batch_size_for(100, 1000.0, 2, 1e9, (10, 10), 2) == 20
    assert batch_size_for(100, 1000.0, 2, 750, (10, 10), 2) == 8  # 7.5 is rounded to the even number
    assert batch_size_for(1000, 1000.0, 1, 1e9, (10, 10), 2) == 2
