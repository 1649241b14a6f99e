"""Stock training on balanced batches that looks at the loss of each domain (docs/ablation.md)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nnunetv2.domains.adaptive_ratios import AdaptiveRatios, exponentiated, is_weights
from nnunetv2.errors import CheckpointError, SettingsError
from nnunetv2.foundation.content_descriptions import describe_content
from nnunetv2.training.checkpoints import checkpoint_files
from nnunetv2.training.domain_balance.domain_losses import losses_by_domain
from nnunetv2.training.nnUNetTrainer.variants.domains.data_balance import nnUNetTrainerBalancedBatches

_LOSSES = "losses_of_epoch"
_LOWEST_LOSS = -1.0
"""Of Dice plus cross entropy."""


class KnowsDomainLosses(nnUNetTrainerBalancedBatches):
    """Computes the loss of each domain of a batch; on one GPU, and on several domains, else it trains as its base."""

    def initialize(self) -> None:
        """Build everything. Raises SettingsError on several GPUs, whose batches have different domains."""
        if self.is_ddp:
            raise SettingsError(f"{type(self).__name__} trains on one GPU, got several; start it with -num_gpus 1")
        super().initialize()

    def _losses(self, output: Any, target: Any, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        return losses_by_domain(self.loss, output, target, self.domain_scoring.domains_of(batch["keys"]))


class nnUNetTrainerDomainMeanLoss(KnowsDomainLosses):
    """Takes the Dice and the cross entropy within each domain, and their mean over the domains of a batch."""

    def _training_loss(self, output: Any, target: Any, batch: Mapping[str, Any]) -> Tensor:
        return torch.stack(list(self._losses(output, target, batch).values())).mean()


class nnUNetTrainerGroupDRO(KnowsDomainLosses):
    """Weights the losses of the domains by exponentials of what they were so far (Sagawa et al., ICLR 2020).

    As published, but for batches that lack a domain: the others' weights are then raised by the same factor, so that
    a step is as long in the mean.
    """

    dro_step_size = 0.01

    def initialize(self) -> None:
        """Build everything; the weights begin with the first batch."""
        super().initialize()
        self.domain_weights: dict[str, float] = {}

    def get_dataloaders(self) -> tuple[Any, Any]:
        """Start with equal weights of the domains that are trained on, or go on with those of a checkpoint."""
        loaders = super().get_dataloaders()
        names = list(self.domain_sampling.train_ratios)
        equal = {name: 1 / len(names) for name in names}
        self.domain_weights = self.domain_weights or equal
        if not is_weights(self.domain_weights, equal):
            raise CheckpointError(
                f"the checkpoint has the domain weights {self.domain_weights}, expected those of {', '.join(names)}; "
                "start the training anew"
            )
        return loaders

    def _training_loss(self, output: Any, target: Any, batch: Mapping[str, Any]) -> Tensor:
        if not self.domain_weights:  # one domain
            return super()._training_loss(output, target, batch)
        losses = self._losses(output, target, batch)
        gains = {name: float(loss.detach()) - _LOWEST_LOSS for name, loss in losses.items()}
        self.domain_weights = exponentiated(self.domain_weights, gains, self.dro_step_size)
        weighted = [self.domain_weights[name] * loss for name, loss in losses.items()]
        return torch.stack(weighted).sum() * (len(self.domain_weights) / len(losses))

    def on_train_epoch_end(self, train_outputs: list[dict[str, Any]]) -> None:
        """Report the weights."""
        super().on_train_epoch_end(train_outputs)
        self.print_to_log_file("Weights of the domains' losses:", _in_words(self.domain_weights))

    def _further_state(self) -> dict[str, Any]:
        return {**super()._further_state(), "domain_weights": self.domain_weights}

    def _restore_progress(self, content: Mapping[str, Any]) -> None:
        super()._restore_progress(content)
        self.domain_weights = content.get(checkpoint_files.DRIFT_KEY, {}).get("domain_weights", {})


class nnUNetTrainerAdaptiveRatios(KnowsDomainLosses):
    """Draws more from domains whose loss has fallen less since the first epochs; see AdaptiveRatios.

    Begins with uniform ratios, and changes them after every epoch.
    """

    domain_ratio_mode = "uniform"

    def initialize(self) -> None:
        """Build everything; the ratios begin with the loaders."""
        super().initialize()
        self.adaptive_ratios = AdaptiveRatios({})
        self._saved_ratios: Mapping[str, Any] | None = None
        self._losses_of_epoch: dict[str, list[float]] = {}

    def get_dataloaders(self) -> tuple[Any, Any]:
        """Start with the ratios of the fold, or go on with those of a checkpoint."""
        loaders = super().get_dataloaders()
        self.adaptive_ratios = AdaptiveRatios(self.domain_sampling.train_ratios)
        if self._saved_ratios is not None:
            self.adaptive_ratios.restore(self._saved_ratios)
        if self.adaptive_ratios.ratios:
            steps = self._steps_of_epoch(1 if self._so_far.is_trained else 0)
            self.domain_sampling.change_train_ratios(self.adaptive_ratios.ratios, steps)
        return loaders

    def _training_loss(self, output: Any, target: Any, batch: Mapping[str, Any]) -> Tensor:
        with torch.no_grad():
            for name, loss in self._losses(output, target, batch).items():
                if torch.isfinite(loss):
                    self._losses_of_epoch.setdefault(name, []).append(float(loss))
        return super()._training_loss(output, target, batch)

    def on_train_epoch_end(self, train_outputs: list[dict[str, Any]]) -> None:
        """Change the ratios of the next epoch."""
        super().on_train_epoch_end(train_outputs)
        losses = {name: sum(values) / len(values) for name, values in self._losses_of_epoch.items()}
        self._losses_of_epoch = {}
        if self.adaptive_ratios.ratios:
            self.adaptive_ratios.add_epoch(losses)
            self.domain_sampling.change_train_ratios(self.adaptive_ratios.ratios, self._steps_of_epoch(1))
        self.print_to_log_file("Mixing ratios of the next epoch:", _in_words(self.adaptive_ratios.ratios))

    def _further_state(self) -> dict[str, Any]:
        is_kept = self._losses_of_epoch and self._entry_of_epoch  # else the epoch begins anew, and counts them again
        so_far = {_LOSSES: self._losses_of_epoch} if is_kept else {}
        return {**super()._further_state(), "adaptive_ratios": self.adaptive_ratios.to_dict(), **so_far}

    def _restore_progress(self, content: Mapping[str, Any]) -> None:
        super()._restore_progress(content)
        entry = content.get(checkpoint_files.DRIFT_KEY, {})
        self._saved_ratios = entry.get("adaptive_ratios")
        self._losses_of_epoch = _checked_losses(entry.get(_LOSSES, {}))


def _checked_losses(saved: Mapping[Any, Any]) -> dict[str, list[float]]:
    if not all(isinstance(losses, list) and all(type(loss) is float for loss in losses) for losses in saved.values()):
        raise CheckpointError(
            f"the checkpoint's {_LOSSES!r} are {describe_content(dict(saved))}, expected the losses of an epoch by "
            "domain; continue from an older checkpoint"
        )
    return {str(name): list(losses) for name, losses in saved.items()}


def _in_words(weights: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:.4f}" for name, weight in weights.items()) or "none, there is one domain"
