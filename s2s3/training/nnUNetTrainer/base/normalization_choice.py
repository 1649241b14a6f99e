"""Which normalization layers the network has: those of the plans or, on several domains, batch normalization."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nnunetv2.errors import SettingsError
from nnunetv2.file_kinds.plans_files import PLANS
from nnunetv2.foundation.files import read_json
from nnunetv2.model_sharing.model_advice import BEST, FINAL, LATEST
from nnunetv2.networks.normalization import (
    has_running_statistics,
    names_batch_norm,
    names_instance_norm,
    with_batch_norm,
)
from nnunetv2.training.nnUNetTrainer.base.replaceable import trainer_module
from nnunetv2.training.nnUNetTrainer.base.training_state import TrainingState

SMALLEST_BATCH = 4
"""Images from which the statistics of a batch are taken; batch normalization was measured with as many."""


class NormalizationChoice(TrainingState):
    """Changes the plans of a training before its network is built; plans.json of the model says the same."""

    batch_norm_on_domains = True
    """On several domains of 2D images, train with batch normalization, by the rule of docs/ablation.md."""

    batch_size: int
    _goes_on_with_batch_norm = False

    def _choose_normalization(self) -> None:
        """Plan batch normalization if it helps here, unless the model began without it; say so in the log."""
        if not self._may_have_batch_norm():
            return
        if self._goes_on_with_batch_norm:
            self._plan_batch_norm("The network has batch normalization, as the checkpoint.")
        elif self._gains_from_batch_norm() and self._trains_batch_norm():
            self._plan_as_the_folds_before()
        elif self._other_folds_have_batch_norm():
            self._plan_batch_norm(
                "The network has batch normalization, as the other folds in the folder; move them away to train with "
                "the normalization of the plans."
            )

    def _may_have_batch_norm(self) -> bool:
        own: Any = type(self)
        return (
            self.batch_norm_on_domains
            and own.build_network_architecture is trainer_module().nnUNetTrainer.build_network_architecture
            and names_instance_norm(self.configuration_manager.network_arch_init_kwargs)
        )

    def _trains_batch_norm(self) -> bool:
        """Tell whether torch can train it here: it shares the statistics of a batch among ranks on GPUs only."""
        return not (self.is_ddp and self.device.type == "cpu")

    def _require_trainable_normalization(self) -> None:
        """Raise SettingsError if the network has batch normalization that cannot be trained on these ranks."""
        if not self._trains_batch_norm() and names_batch_norm(self.configuration_manager.network_arch_init_kwargs):
            raise SettingsError(
                f"the network of {self.output_folder_base} has batch normalization, which torch trains on several "
                "ranks only on GPUs; train this fold in one process"
            )

    def _other_folds_have_batch_norm(self) -> bool:
        others = _network_arguments_of(self.output_folder_base, self.configuration_name, but=f"fold_{self.fold}")
        return others is not None and names_batch_norm(others)

    def _gains_from_batch_norm(self) -> bool:
        planned = self.configuration_manager
        images = planned.batch_size if self.is_ddp else self.batch_size
        return len(self.dataset_domains.names) > 1 and len(planned.patch_size) == 2 and images >= SMALLEST_BATCH

    def _plan_as_the_folds_before(self) -> None:
        began_with = _network_arguments_of(self.output_folder_base, self.configuration_name)
        if began_with is not None and names_instance_norm(began_with):
            self.print_to_log_file(
                f"The network has the normalization of the plans, as the folds that {self.output_folder_base} has "
                "already; move them away to train with batch normalization, which several domains gain from."
            )
            return
        self._plan_batch_norm(
            "The network has batch normalization, since the dataset has several domains (docs/ablation.md); "
            "nnUNetTrainerPlannedNorm keeps that of the plans."
        )

    def _plan_batch_norm(self, reason: str) -> None:
        planned = self.configuration_manager
        self._plan_network(with_batch_norm(planned.network_arch_init_kwargs, len(planned.patch_size)))
        self.print_to_log_file(reason)

    def _plan_network(self, arguments: dict[str, Any]) -> None:
        """Replace the arguments of the network in the plans of this training."""
        name, planned = self.configuration_name, self.configuration_manager.configuration
        own = {key: value for key, value in planned.items() if key != "inherits_from"}
        own["architecture"] = {**own["architecture"], "arch_kwargs": arguments}
        plans = self.plans_manager.plans
        plans = {**plans, "configurations": {**plans["configurations"], name: own}}
        self.plans_manager = trainer_module().PlansManager(plans)
        self.configuration_manager = self.plans_manager.get_configuration(name)
        self.my_init_kwargs = {**self.my_init_kwargs, "plans": plans}
        self.logger.update_config({"plans": plans})

    def follow_checkpoint(self, weight_names: Iterable[str]) -> None:
        """Plan the normalization that the weights of a checkpoint have been trained with.

        So a fold goes on, or is validated, also after its dataset has lost its domains. Has no effect once the
        network is built.
        """
        self._goes_on_with_batch_norm = has_running_statistics(weight_names)
        self.batch_norm_on_domains = self.batch_norm_on_domains and self._goes_on_with_batch_norm

    def follow_pretrained(self, weight_names: Iterable[str]) -> None:
        """Keep the normalization of the plans if weights to start from have been trained with it.

        Has no effect once the network is built. Raises SettingsError if other folds of the model have batch
        normalization, since the plans.json of a model describes one network for all of its folds.
        """
        if not self._may_have_batch_norm() or has_running_statistics(weight_names):
            return
        if self._other_folds_have_batch_norm():
            raise SettingsError(
                f"-pretrained_weights has no batch normalization, but the other folds in {self.output_folder_base} "
                "have; train this fold with -tr nnUNetTrainerPlannedNorm, or move those folds away"
            )
        self.batch_norm_on_domains = False


def _network_arguments_of(model_folder: str, configuration: str, but: str = "") -> Mapping[str, Any] | None:
    """Return the arguments of the network of a model with a checkpoint, None if no fold has one, `but` left out."""
    folder = Path(model_folder)
    folds = [fold for fold in folder.glob("fold_*") if fold.name != but]
    has_checkpoint = any((fold / name).is_file() for fold in folds for name in (FINAL, LATEST, BEST))
    if not has_checkpoint or not (folder / "plans.json").is_file():
        return None
    plans = trainer_module().PlansManager(read_json(folder / "plans.json", PLANS))
    arguments: Mapping[str, Any] = plans.get_configuration(configuration).network_arch_init_kwargs
    return arguments
