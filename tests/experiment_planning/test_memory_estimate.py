"""The closed form against nnU-Net's numbers and against the networks themselves."""

import numpy as np
import pytest

from nnunetv2.experiment_planning.experiment_planners.architecture import features_per_stage, unet_architecture
from nnunetv2.experiment_planning.experiment_planners.memory_estimate import (
    PLAIN_UNET,
    RESIDUAL_UNET,
    closed_form_estimate,
)
from nnunetv2.experiment_planning.experiment_planners.patch_fitting import Topology, topology_for

BLOCKS = {PLAIN_UNET: ("n_conv_per_stage", (2,) * 14), RESIDUAL_UNET: ("n_blocks_per_stage", (1, 3, 4, *(6,) * 10))}
DECODER = {PLAIN_UNET: (2,) * 13, RESIDUAL_UNET: (1,) * 12}


def architecture(network: str, topology: Topology, base: int = 32) -> dict:
    key, counts = BLOCKS[network]
    most = 512 if len(topology.patch_size) == 2 else 320
    features = features_per_stage(topology.n_stages, base, most)
    return unet_architecture(network, topology, features, key, counts, DECODER[network])


def without_last_stage(topology: Topology) -> Topology:
    return Topology(topology.patch_size, topology.strides[:-1], topology.kernel_sizes[:-1], topology.divisors)


@pytest.mark.parametrize(
    ("network", "patch", "stages", "expected"),
    [
        (PLAIN_UNET, (128, 128, 128), 6, 452796416),
        (RESIDUAL_UNET, (128, 128, 128), 6, 557420544),
        (PLAIN_UNET, (512, 512), 8, 82886656),
        (RESIDUAL_UNET, (512, 512), 7, 129531904),
    ],
)
def test_reference_values(network: str, patch: tuple[int, ...], stages: int, expected: int) -> None:
    topology = topology_for((1.0,) * len(patch), patch, 4)
    while topology.n_stages > stages:
        topology = without_last_stage(topology)

    assert closed_form_estimate(patch, 3, network, architecture(network, topology)["arch_kwargs"]) == expected


@pytest.mark.parametrize("network", [PLAIN_UNET, RESIDUAL_UNET])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_estimate_equals_the_count_of_the_network(network: str, dims: int) -> None:
    torch = pytest.importorskip("torch")
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    rng = np.random.default_rng(dims)
    for _ in range(3):
        topology = topology_for(tuple(rng.uniform(0.5, 3, dims)), tuple(rng.integers(6, 70, dims).tolist()), 4)
        block = architecture(network, topology, base=4)
        with torch.device("meta"):
            built = get_network_from_plans(
                block["network_class_name"], block["arch_kwargs"], block["_kw_requires_import"], 3, 5, allow_init=False
            )
        expected = built.compute_conv_feature_map_size(topology.patch_size)
        assert closed_form_estimate(topology.patch_size, 5, network, block["arch_kwargs"]) == expected


def test_a_network_of_one_stage_has_no_layer_for_classes() -> None:
    topology = topology_for((1, 1, 1), (6, 7, 7), 4)

    assert closed_form_estimate((6, 7, 7), 3, PLAIN_UNET, architecture(PLAIN_UNET, topology)["arch_kwargs"]) == (
        2 * 32 * 6 * 7 * 7
    )


def test_other_networks_and_other_arguments_are_not_guessed() -> None:
    kwargs = architecture(PLAIN_UNET, topology_for((1, 1), (64, 64), 4))["arch_kwargs"]

    assert closed_form_estimate((64, 64), 3, "somebody.else.Network", kwargs) is None
    assert closed_form_estimate((64, 64), 3, PLAIN_UNET, {**kwargs, "nonlin_first": True}) is None
    assert closed_form_estimate((64, 64), 3, PLAIN_UNET, {**kwargs, "n_conv_per_stage": 2}) is None
