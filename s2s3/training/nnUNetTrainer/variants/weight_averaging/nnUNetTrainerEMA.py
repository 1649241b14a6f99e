"""Training whose result is a moving average of the weights."""

from collections.abc import Mapping
from typing import Any

from nnunetv2.boundary.edge_branch import plain_network
from nnunetv2.training.checkpoints import checkpoint_files
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerNoDomains
from nnunetv2.training.steps.averaged_weights import AveragedWeights, moving

_ENTRY = "averaged_weights"


class nnUNetTrainerEMA(nnUNetTrainer):
    """Validates and stores the averaged weights as those of the plain network, which any nnU-Net v2 runs."""

    ema_decay = 0.999

    def initialize(self) -> None:
        """Start the average with the initial weights."""
        super().initialize()
        self.averaged_weights = self._new_average()

    def _new_average(self) -> AveragedWeights:
        return AveragedWeights(plain_network(self.network), moving(self.ema_decay))

    def on_train_epoch_start(self) -> None:
        """Continue with the weights of the last step."""
        self.averaged_weights.take_out_of(plain_network(self.network))
        super().on_train_epoch_start()

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take one optimizer step and add its weights to the average."""
        result = super().train_step(batch)
        self.averaged_weights.update(plain_network(self.network))
        return result

    def on_train_epoch_end(self, train_outputs: list[dict[str, Any]]) -> None:
        """Put the average in place for validation and checkpoints."""
        super().on_train_epoch_end(train_outputs)
        self.averaged_weights.put_into(plain_network(self.network))

    def _further_state(self) -> dict[str, Any]:
        return {**super()._further_state(), _ENTRY: self.averaged_weights.state_dict(plain_network(self.network))}

    def _restore_progress(self, content: Mapping[str, Any]) -> None:
        super()._restore_progress(content)
        state = content.get(checkpoint_files.DRIFT_KEY, {}).get(_ENTRY)
        if state is None:
            self.print_to_log_file("The checkpoint has no averaged weights: the average starts with its weights.")
            self.averaged_weights = self._new_average()
        else:
            self.averaged_weights.load_state_dict(state, plain_network(self.network))


class nnUNetTrainerNoDomainsEMA(nnUNetTrainerEMA, nnUNetTrainerNoDomains):
    """Averaged weights without anything that depends on domains."""
