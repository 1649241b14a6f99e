"""Turns the content of a model folder into a network with weights."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

import nnunetv2
from nnunetv2.errors import SettingsError
from nnunetv2.inference.model_folder import TrainedModel
from nnunetv2.networks.builder_forms import build_network
from nnunetv2.networks.compiled_networks import load_weights
from nnunetv2.networks.weights import check_weights, loads_in_its_own_way

_TRAINER_PACKAGE = "nnunetv2.training.nnUNetTrainer"


@dataclass(frozen=True)
class TrainerFinders:
    """The two functions that find the class of a trainer; clients of nnU-Net put their own in the place of either."""

    by_name: Callable[[str], Any]
    """`recursive_find_trainer_class_by_name`, with the name."""
    in_folder: Callable[[str, str, str], Any]
    """`recursive_find_python_class` of nnU-Net up to 2.7, with the folder, the name and the package of the folder."""

    def find(self, name: str) -> Any:
        """Return the trainer of this name, from whichever of the two a client has replaced."""
        if getattr(self.by_name, "__module__", None) != "nnunetv2.utilities.find_objects":
            return self.by_name(name)
        folder = os.path.join(nnunetv2.__path__[0], "training", "nnUNetTrainer")
        found = self.in_folder(folder, name, _TRAINER_PACKAGE)
        is_trainer = isinstance(found, type) and hasattr(found, "build_network_architecture")
        return found if is_trainer else self.by_name(name)


def load_network(
    model: TrainedModel, trainer: Any, finders: TrainerFinders, count_channels: Callable[..., int]
) -> nn.Module:
    """Build the network of a model with the weights of its first fold, after checking those of all folds.

    Parameters:
        trainer: class or name of a trainer; None: the one that the checkpoint names.
        count_channels: `determine_num_input_channels` or another function with its arguments.

    Raises SettingsError if there is no such trainer, CheckpointMismatchError if the weights of a fold do not fit.
    """
    chosen, described = _choose_trainer(trainer, model, finders), model.description
    channels = count_channels(described.plans, described.configuration, described.dataset_json)
    network = build_network(chosen, described, channels, enable_deep_supervision=False)
    if not loads_in_its_own_way(network):
        for file, weights in model.parameters.items():
            check_weights(network.state_dict(), weights, file, "plans.json has to be the one it was trained with")
    load_weights(network, next(iter(model.parameters.values())))
    return network


def _choose_trainer(given: Any, model: TrainedModel, finders: TrainerFinders) -> Any:
    if given:
        return finders.find(given) if isinstance(given, str) else given
    try:
        return finders.find(model.trainer_name)
    except SettingsError as error:
        file = next(iter(model.parameters))
        raise type(error)(f"{file}: trainer_name is {model.trainer_name!r}: {error}") from error
