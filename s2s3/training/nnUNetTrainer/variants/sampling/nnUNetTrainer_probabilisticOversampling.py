"""Training that forces foreground in each sample with a given probability."""

from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainer_probabilisticOversampling(nnUNetTrainer):
    """Forces foreground in each sample with the same probability: the fraction the base forces in a planned batch."""

    probabilistic_oversampling = True

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        batch_size = self.configuration_manager.batch_size
        first_forced = round(batch_size * (1 - self.oversample_foreground_percent))
        self.oversample_foreground_percent = self._probability((batch_size - first_forced) / batch_size)

    def _probability(self, of_the_base: float) -> float:
        return of_the_base

    def _set_batch_size_and_oversample(self) -> None:
        """Set the batch size as the base does; the probability is the same for all ranks."""
        probability = self.oversample_foreground_percent
        super()._set_batch_size_and_oversample()
        self.oversample_foreground_percent = probability


class nnUNetTrainer_probabilisticOversampling_033(nnUNetTrainer_probabilisticOversampling):
    """Forces foreground in each sample with probability 0.33."""

    def _probability(self, of_the_base: float) -> float:
        return 0.33


class nnUNetTrainer_probabilisticOversampling_010(nnUNetTrainer_probabilisticOversampling):
    """Forces foreground in each sample with probability 0.1."""

    def _probability(self, of_the_base: float) -> float:
        return 0.1
