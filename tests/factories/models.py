"""Small models: networks that can be computed by hand, and model folders on disk."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnunetv2.foundation.files import write_json
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.factories.plans import make_dataset_json, make_plans

CPU = torch.device("cpu")


def build_tiny_network(plans: dict[str, Any], configuration: str, channels: int, heads: int, seed: int) -> nn.Module:
    """Return an untrained network whose labels vary over an image."""
    manager = PlansManager(plans).get_configuration(configuration)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = get_network_from_plans(
            manager.network_arch_class_name,
            manager.network_arch_init_kwargs,
            manager.network_arch_init_kwargs_req_import,
            channels,
            heads,
            deep_supervision=False,
        )
        for layer in network.decoder.seg_layers:
            nn.init.normal_(layer.weight, std=1.0)
    return network


def write_model_folder(
    folder: Path,
    plans: dict[str, Any],
    dataset_json: dict[str, Any],
    folds: tuple[int | str, ...] = (0,),
    mirroring_axes: tuple[int, ...] | None = None,
    checkpoint_name: str = "checkpoint_final.pth",
    trainer_name: str = "nnUNetTrainer",
) -> Path:
    """Write plans.json, dataset.json and one untrained checkpoint per fold."""
    (configuration,) = plans["configurations"]
    channels = determine_num_input_channels(PlansManager(plans), configuration, dataset_json)
    heads = PlansManager(plans).get_label_manager(dataset_json).num_segmentation_heads
    folder.mkdir(parents=True, exist_ok=True)
    write_json(plans, folder / "plans.json")
    write_json(dataset_json, folder / "dataset.json")
    for seed, fold in enumerate(folds):
        (folder / f"fold_{fold}").mkdir(exist_ok=True)
        network = build_tiny_network(plans, configuration, channels, heads, seed)
        checkpoint = {
            "network_weights": network.state_dict(),
            "trainer_name": trainer_name,
            "init_args": {"configuration": configuration},
            "inference_allowed_mirroring_axes": mirroring_axes,
        }
        torch.save(checkpoint, folder / f"fold_{fold}" / checkpoint_name)
    return folder


class Trainer:
    """A stand-in for nnUNetTrainer with its network builder only."""

    @staticmethod
    def build_network_architecture(
        plans_manager: Any,
        configuration_manager: Any,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = True,
    ) -> nn.Module:
        """Build the network of the plans."""
        return get_network_from_plans(
            configuration_manager.network_arch_class_name,
            configuration_manager.network_arch_init_kwargs,
            configuration_manager.network_arch_init_kwargs_req_import,
            num_input_channels,
            num_output_channels,
            deep_supervision=enable_deep_supervision,
        )


def hand_made_predictor(network: nn.Module, patch_size: list[int], heads: int = 3, **settings: Any) -> nnUNetPredictor:
    """Return a predictor with the given network and labels 0 ... heads - 1."""
    plans = make_plans(patch_size, [1.0] * len(patch_size), ".nii.gz", 1)
    (configuration,) = plans["configurations"]
    manager = PlansManager(plans)
    labels = {"background": 0, **{f"label{value}": value for value in range(1, heads)}}
    predictor = nnUNetPredictor(device=CPU, allow_tqdm=False, **settings)
    predictor.manual_initialization(
        network,
        manager,
        manager.get_configuration(configuration),
        [network.state_dict()],
        make_dataset_json(".nii.gz", 1, labels),
        "nnUNetTrainer",
        None,
    )
    return predictor
