import numpy as np
import pytest
import torch

from nnunetv2.training.dataloading import batch_memory
from nnunetv2.training.dataloading.batch_memory import BatchMemory, share_batches, stack


@pytest.fixture(autouse=True)
def _keep_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_memory, "_is_shared", False)


def test_a_patch_at_its_place_is_not_copied_again() -> None:
    memory = BatchMemory(2)
    placed = memory.place(1, np.full((3, 4, 5), 2, np.uint8))
    images = memory.stacked([torch.ones(3, 4, 5), placed.mul_(3)])
    assert images.data_ptr() == placed.data_ptr() - 3 * 4 * 5 * 4
    assert (images.shape, images.dtype) == ((2, 3, 4, 5), torch.float32)
    assert images.mean((1, 2, 3)).tolist() == [1, 6]


def test_images_that_changed_their_shape_or_type_are_stacked_as_they_are() -> None:
    for change in (lambda image: image[:1], lambda image: image.double()):
        memory = BatchMemory(2)
        changed = [change(memory.place(number, np.full((2, 3, 3), number))) for number in range(2)]
        images = memory.stacked(changed)
        assert (images[1].shape, images.dtype) == (changed[1].shape, changed[1].dtype)
        assert images.mean((1, 2, 3)).tolist() == [0, 1]


def test_images_are_stacked_without_a_place() -> None:
    assert BatchMemory(2).stacked([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)]).mean((1, 2, 3)).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int16, torch.bool])
def test_a_process_that_sends_its_batches_makes_them_in_shared_memory(dtype: torch.dtype) -> None:
    tensors = [torch.zeros(2, 3).to(dtype), torch.ones(2, 3).to(dtype)]
    assert not stack(tensors).is_shared()
    share_batches()
    shared = stack(tensors)
    assert shared.is_shared()
    assert torch.equal(shared, torch.stack(tensors))
