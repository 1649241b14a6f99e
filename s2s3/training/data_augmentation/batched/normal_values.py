"""Independent normal values, drawn once and then used again and again, for noise on images."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

STORED = 2**23
SEED = 20


def random_parts(count: int, length: int, seed: int, device: torch.device) -> list[Tensor]:
    """Return parts of the stored values, `count` times (length,), at random places: the same ones on every device.

    The parts of one call do not overlap, so that all its values are independent. A call for more than half of the
    stored values draws new ones.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    if length * count > STORED // 2:
        drawn = torch.Generator().manual_seed(seed)
        return [torch.randn(length, generator=drawn).to(device) for _ in range(count)]
    start = int(generator.integers(STORED - length * count + 1))
    values = _stored_values(device)
    return list(values[start : start + length * count].view(count, length))


@lru_cache(maxsize=4)
def _stored_values(device: torch.device) -> Tensor:
    return torch.randn(STORED, generator=torch.Generator().manual_seed(SEED)).to(device)
