"""Connected components of a mask, found on the mask's own device."""

import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, max_pool2d, max_pool3d

_POOLS = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


def component_numbers(mask: Tensor) -> Tensor:
    """Return a number above 0 for each component of a bool mask (*spatial), 0 outside; diagonal neighbours are joined.

    Every voxel takes the highest number among its neighbours, and then the number that this voxel has in turn, until
    nothing changes.
    """
    own = torch.arange(1, mask.numel() + 1, device=mask.device).view(mask.shape)
    numbers = torch.where(mask, own, 0)
    while True:
        highest = torch.where(mask, _highest_neighbour(numbers), 0)
        highest = torch.where(mask, highest.flatten()[(highest - 1).clamp(min=0)], 0)
        if torch.equal(highest, numbers):
            return numbers
        numbers = highest


def _highest_neighbour(numbers: Tensor) -> Tensor:
    """Return the highest number of each voxel's neighbours and its own."""
    exact = torch.float32 if numbers.numel() < 2**24 else torch.float64
    return _POOLS[numbers.ndim](numbers.to(exact)[None, None], 3, stride=1, padding=1)[0, 0].long()
