import numpy as np
import pytest
import scipy.ndimage
import torch

from nnunetv2.training.data_augmentation.batched.components import component_numbers
from nnunetv2.training.data_augmentation.batched.previous_stage import small_component


@pytest.mark.parametrize(("size", "share"), [((30, 41), 0.4), ((12, 9, 14), 0.25), ((40, 40), 0.55), ((5, 5), 0.0)])
def test_components_are_those_of_scipy(size: tuple[int, ...], share: float) -> None:
    mask = np.random.default_rng(0).random(size) < share
    expected, count = scipy.ndimage.label(mask, np.ones([3] * len(size)))
    found = component_numbers(torch.from_numpy(mask)).numpy()
    pairs = set(zip(expected.ravel().tolist(), found.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(found)) == count + (0 if mask.all() else 1)
    assert ((found > 0) == mask).all()


def test_a_long_snake_is_one_component() -> None:
    mask = torch.zeros(21, 40, dtype=torch.bool)
    mask[::2] = True
    mask[1::4, -1] = mask[3::4, 0] = True
    assert len(component_numbers(mask).unique()) == 2


def test_only_components_below_15_percent_are_dropped_each_as_often() -> None:
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask[:10, :12] = True
    mask[15, 15] = True
    mask[15:18, 2:4] = True
    sizes = [int(small_component(mask, share).sum()) for share in (0.0, 0.49, 0.51, 0.99)]
    assert sorted(sizes[:3:2]) == [1, 6]
    assert sizes[0] == sizes[1]
    assert sizes[2] == sizes[3]


def test_nothing_is_dropped_where_no_component_is_small() -> None:
    mask = torch.zeros(20, 20, dtype=torch.bool)
    mask.view(-1)[:60] = True
    assert not small_component(mask, 0.5).any()
    mask.view(-1)[59] = False
    assert small_component(mask, 0.5).sum() == 59
