"""Training whose result is the uniform average of the weights of its last steps."""

from typing import Any

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.nnUNetTrainer.variants.weight_averaging.nnUNetTrainerEMA import nnUNetTrainerEMA
from nnunetv2.training.steps.averaged_weights import AveragedWeights, uniform


class nnUNetTrainerUniformAverage(nnUNetTrainerEMA):
    """Averages the weights of every step from the middle of the training on; before it, the last weights count.

    Of SWAD (Cha et al., NeurIPS 2021) this keeps the dense sampling, one network a step, and the uniform average. It
    does not choose start and end by the validation loss: the average begins after a fixed share of the epochs and ends
    with the training. The learning rate stays nnU-Net's, which decays, where SWAD's is constant. Running statistics of
    batch normalization are averaged as the weights are.
    """

    averaged_from = 0.5
    """Share of the epochs before the first averaged step, in [0, 1)."""

    def _new_average(self) -> AveragedWeights:
        return AveragedWeights(plain_network(self.network), uniform)

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take one optimizer step and add its weights to the average, or put them in its place."""
        result = super().train_step(batch)
        if self.current_epoch < self.averaged_from * self.num_epochs:
            self.averaged_weights.restart()
        return result


class nnUNetTrainerNoDomainsUniformAverage(nnUNetTrainerUniformAverage, nnUNetTrainerNoDomains):
    """Uniformly averaged weights without anything that depends on domains."""
