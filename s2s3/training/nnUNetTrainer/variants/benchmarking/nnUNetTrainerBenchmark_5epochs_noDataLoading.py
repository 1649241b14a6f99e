"""Measures how long an epoch takes on a GPU that never waits for data."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import torch

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.nnUNetTrainer.variants.benchmarking.nnUNetTrainerBenchmark_5epochs import (
    nnUNetTrainerBenchmark_5epochs,
)

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__, {"nnunetv2.utilities.label_handling.label_handling": ("determine_num_input_channels",)}
)


class nnUNetTrainerBenchmark_5epochs_noDataLoading(nnUNetTrainerBenchmark_5epochs):
    """Trains on one random batch that stays on the GPU, without preprocessed images."""

    def get_dataloaders(self) -> tuple[Iterator[dict[str, Any]], Iterator[dict[str, Any]]]:
        """Return two endless iterators over the same batch."""
        batch = self._random_batch()
        return repeat(batch), repeat(batch)

    def _random_batch(self) -> dict[str, Any]:
        patch_size = self.configuration_manager.patch_size
        assert self.num_input_channels is not None
        data = torch.rand((self.batch_size, self.num_input_channels, *patch_size), device=self.device)
        scales = self._get_deep_supervision_scales() or [[1.0] * len(patch_size)]
        sizes = [[round(size * s) for size, s in zip(patch_size, scale, strict=True)] for scale in scales]
        targets = [self._random_target(size) for size in sizes]
        target = targets if self.enable_deep_supervision else targets[0]
        return {"data": data, "target": target, "keys": ["random"] * self.batch_size}

    def _random_target(self, size: list[int]) -> torch.Tensor:
        labels = self.label_manager
        if labels.has_regions:
            channels = labels.num_segmentation_heads + int(labels.has_ignore_label)
            return torch.rand((self.batch_size, channels, *size), device=self.device) > 0.5
        return torch.randint(0, len(labels.all_labels), (self.batch_size, 1, *size), device=self.device)
