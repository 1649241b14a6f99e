import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from nnunetv2.networks.builder_forms import accepts_older_forms
from tests.factories.plans import IMPORTED, U_NET, make_network_arguments

CONFIGURATION = SimpleNamespace(
    network_arch_class_name="some.Network", network_arch_init_kwargs={"a": 1}, network_arch_init_kwargs_req_import=["a"]
)
PLANS: Any = SimpleNamespace(get_label_manager=lambda _: SimpleNamespace(num_segmentation_heads=7))
DATASET = {"labels": {}}


@accepts_older_forms
def base(plans_manager, configuration_manager, num_input_channels, num_output_channels, enable_deep_supervision=True):
    """Return the arguments."""
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
    arguments = make_network_arguments(2, (4, 8))
    if by_keyword:
        network = base(U_NET, arguments, IMPORTED, 1, 2, enable_deep_supervision=False)
    else:
        network = base(U_NET, arguments, IMPORTED, 1, 2, False)

    assert isinstance(network, nn.Module)
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 8, 8)
