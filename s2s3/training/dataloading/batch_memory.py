"""The memory of a batch: samples are cut or copied into it once, and not copied again to reach the training.

A process that sends its batches to another one calls `share_batches`; from then on their memory is shared from the
start.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_is_shared = False


def share_batches() -> None:
    """Make all further batches of this process in shared memory."""
    global _is_shared
    _is_shared = True


def new_memory(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return a tensor of any content, in shared memory if this process sends its batches to another one."""
    if not _is_shared:
        return torch.empty(*shape, dtype=dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    return torch.empty(0, dtype=dtype).set_(torch.UntypedStorage._new_shared(size)).view(*shape)


def stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors of one shape stacked along a new first axis."""
    return torch.stack(list(tensors), out=new_memory((len(tensors), *tensors[0].shape), tensors[0].dtype))


class BatchMemory:
    """The images of a batch.

    Parameters:
        samples: their number.
    """

    def __init__(self, samples: int):
        self._samples = samples
        self._images: Tensor | None = None

    def place(self, number: int, patch: np.ndarray) -> Tensor:
        """Copy a patch to the place of a sample's image, as float32, and return the place, a view.

        All patches have the shape of the first one.
        """
        if self._images is None:
            self._images = new_memory((self._samples, *patch.shape), torch.float32)
        place = self._images[number]
        np.copyto(place.numpy(), patch)
        return place

    def stacked(self, images: Sequence[Tensor]) -> Tensor:
        """Return the images of all samples, (B, C, *spatial); those that are at their place are not copied."""
        memory = self._images
        if memory is None or memory.shape[1:] != images[0].shape or memory.dtype != images[0].dtype:
            return stack(images)
        for place, image in zip(memory, images, strict=True):
            if place.data_ptr() != image.data_ptr():
                place.copy_(image)
        return memory
