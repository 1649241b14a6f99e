import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from nnunetv2.utilities.network_builders import accepts_older_forms, call_network_builder

CONFIGURATION = SimpleNamespace(
    network_arch_class_name="some.Network", network_arch_init_kwargs={"a": 1}, network_arch_init_kwargs_req_import=["a"]
)
PLANS: Any = SimpleNamespace(get_label_manager=lambda _: SimpleNamespace(num_segmentation_heads=7))
DATASET = {"labels": {}}


def call(builder: Any) -> Any:
    return call_network_builder(builder, PLANS, CONFIGURATION, DATASET, 3, 2, False)  # type: ignore[arg-type]


def test_form_c_gets_the_managers_and_both_channel_numbers() -> None:
    def build(plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision):
        return plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision

    assert call(build) == (PLANS, CONFIGURATION, 3, 2, False)


def test_form_b_gets_the_class_name_with_a_warning() -> None:
    def build(
        arch_class_name, arch_init_kwargs, arch_init_kwargs_req_import, n_in, n_out, enable_deep_supervision=True
    ):
        return arch_class_name, arch_init_kwargs, arch_init_kwargs_req_import, n_in, n_out, enable_deep_supervision

    with pytest.warns(DeprecationWarning, match="class name"):
        assert call(build) == ("some.Network", {"a": 1}, ["a"], 3, 2, False)


def test_form_a_gets_the_dataset_json_with_a_warning() -> None:
    def build(plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision=True):
        return plans_manager, dataset_json, configuration_manager, num_input_channels, enable_deep_supervision

    with pytest.warns(DeprecationWarning, match="dataset_json"):
        assert call(build) == (PLANS, DATASET, CONFIGURATION, 3, False)


@accepts_older_forms
def base(plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision=True):
    """Return what it was given."""
    return plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision


def test_the_base_method_keeps_the_signature_of_form_c() -> None:
    assert list(inspect.signature(base).parameters) == [
        "plans_manager",
        "configuration_manager",
        "num_input_channels",
        "num_output_channels",
        "enable_deep_supervision",
    ]


def test_the_base_method_is_callable_in_form_a() -> None:
    assert base(PLANS, DATASET, CONFIGURATION, 3, False) == (PLANS, CONFIGURATION, 3, 7, False)
    assert base(PLANS, CONFIGURATION, 3, 2, False) == (PLANS, CONFIGURATION, 3, 2, False)


@pytest.mark.parametrize("by_keyword", [True, False])
def test_the_base_method_is_callable_in_form_b(by_keyword: bool) -> None:
    name = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
    arguments = {
        "n_stages": 2,
        "features_per_stage": [4, 8],
        "conv_op": "torch.nn.Conv2d",
        "kernel_sizes": [[3, 3]] * 2,
        "strides": [[1, 1], [2, 2]],
        "n_conv_per_stage": [1, 1],
        "n_conv_per_stage_decoder": [1],
    }
    if by_keyword:
        network = base(name, arguments, ["conv_op"], 1, 2, enable_deep_supervision=False)
    else:
        network = base(name, arguments, ["conv_op"], 1, 2, False)

    assert isinstance(network, nn.Module)
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 8, 8)
