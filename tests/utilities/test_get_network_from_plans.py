import copy
import inspect

import pytest
import torch

from nnunetv2.errors import SettingsError, UnknownNetworkError
from nnunetv2.utilities import get_network_from_plans as module
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from tests.factories.plans import IMPORTED, RESIDUAL_U_NET, U_NET, make_network_arguments


def unet_arguments(blocks="n_conv_per_stage"):
    arguments = make_network_arguments(2, (4, 8, 16))
    return {blocks if name == "n_conv_per_stage" else name: value for name, value in arguments.items()}


def test_a_network_is_built_with_channels_classes_and_zero_biases():
    arguments = unet_arguments()
    before = copy.deepcopy(arguments)

    network = get_network_from_plans(U_NET, arguments, IMPORTED, 3, 2, deep_supervision=False)

    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 2, 16, 16)
    assert not network.encoder.stages[0][0].convs[0].conv.bias.any()
    assert arguments == before


def test_deep_supervision_is_passed_on():
    network = get_network_from_plans(U_NET, unet_arguments(), IMPORTED, 3, 2, deep_supervision=True)

    assert [tuple(output.shape[2:]) for output in network(torch.zeros(1, 3, 16, 16))] == [(16, 16), (8, 8)]


def test_without_init_the_biases_stay_as_torch_makes_them():
    network = get_network_from_plans(U_NET, unet_arguments(), IMPORTED, 3, 2, allow_init=False)

    assert network.encoder.stages[0][0].convs[0].conv.bias.any()


def test_a_class_that_has_moved_is_found_by_its_last_name():
    old_path = "dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet"

    with pytest.warns(UserWarning, match="not found; using"):
        network = get_network_from_plans(old_path, unet_arguments("n_blocks_per_stage"), IMPORTED, 1, 2)

    assert f"{type(network).__module__}.{type(network).__name__}" == RESIDUAL_U_NET


def test_an_unknown_class_is_an_import_error_naming_it():
    with pytest.raises(ImportError, match=r"network_class_name is 'no_such_package\.Net'"):
        get_network_from_plans("no_such_package.Net", {}, [], 1, 2)


def test_an_argument_that_cannot_be_imported_is_named():
    arguments = {**unet_arguments(), "nonlin": "torch.nn.NoSuchLayer"}

    with pytest.raises(ImportError, match=r"nonlin is 'torch.nn.NoSuchLayer', which does not exist"):
        get_network_from_plans(U_NET, arguments, IMPORTED, 1, 2)


def test_an_argument_to_import_that_is_missing_is_a_key_error():
    with pytest.raises(KeyError, match="conv_op"):
        get_network_from_plans(U_NET, {}, IMPORTED, 1, 2)


def test_the_arguments_of_old_versions_build_the_same_network():
    architecture = {
        "network_class_name": U_NET,
        "arch_kwargs": unet_arguments(),
        "_kw_requires_import": IMPORTED,
    }
    plans = PlansManager({"configurations": {"2d": {"architecture": architecture}}, "label_manager": "LabelManager"})
    labels = {"labels": {"background": 0, "a": 1, "b": 2}}

    network = get_network_from_plans(plans, labels, plans.get_configuration("2d"), 3, deep_supervision=False)

    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)
    assert list(inspect.signature(get_network_from_plans).parameters)[:5] == [
        "arch_class_name",
        "arch_kwargs",
        "arch_kwargs_req_import",
        "input_channels",
        "output_channels",
    ]


def test_the_finder_may_be_replaced_in_this_module(monkeypatch):
    class Net(torch.nn.Module):
        def __init__(self, input_channels, num_classes):
            super().__init__()
            self.channels = (input_channels, num_classes)

    monkeypatch.setattr(module, "recursive_find_python_class", lambda *_: Net)

    with pytest.warns(UserWarning, match="not found; using"):
        assert get_network_from_plans("gone.Net", {}, [], 3, 2).channels == (3, 2)


@pytest.mark.parametrize(
    ("entry", "name"),
    [("nonlin", "os.system"), ("norm_op", "torch.load"), ("conv_op", "nnunetv2.paths.os.mkdir"), ("dropout_op", 7)],
)
def test_arguments_that_are_no_layers_are_refused_before_anything_is_called(entry, name):
    arguments = {**unet_arguments(), entry: name}

    with pytest.raises(UnknownNetworkError, match=f"plans: {entry} is {name!r}") as caught:
        get_network_from_plans(U_NET, arguments, IMPORTED, 1, 2)

    assert "nnUNet_allowed_modules" in str(caught.value)


def test_a_class_that_has_moved_may_not_have_more_weights_than_a_computer_holds(monkeypatch):
    monkeypatch.setattr("nnunetv2.networks.size_limits.MOST_WEIGHTS", 1000)
    with pytest.warns(UserWarning, match="not found"), pytest.raises(SettingsError, match=r"more than 1e\+03 weights"):
        get_network_from_plans("elsewhere.PlainConvUNet", unet_arguments(), IMPORTED, 3, 2)
    assert not torch.nn.modules.module._global_parameter_registration_hooks


def test_a_network_may_not_have_very_many_layers(monkeypatch):
    monkeypatch.setattr("nnunetv2.networks.size_limits.MOST_TENSORS", 10)
    with pytest.raises(SettingsError, match="more than 10 tensors"):
        get_network_from_plans(U_NET, unet_arguments(), IMPORTED, 3, 2)


@pytest.mark.parametrize(
    ("network", "changes", "reason"),
    [
        ("torch.nn.Linear", {}, "Linear cannot be built .*TypeError"),
        (
            U_NET,
            {"nonlin": "torch.nn.Embedding", "nonlin_kwargs": {"num_embeddings": -3, "embedding_dim": 4}},
            "negative",
        ),
        (U_NET, {"norm_op_kwargs": {"affine": True, "device": "nowhere"}}, "RuntimeError"),
        (
            U_NET,
            {"nonlin": "torch.nn.Linear", "nonlin_kwargs": dict.fromkeys(("in_features", "out_features"), 10**7)},
            "cannot be built|more than",
        ),
    ],
)
def test_arguments_that_only_layers_refuse_are_the_fault_of_the_plans(network, changes, reason):
    with pytest.raises(SettingsError, match=reason) as caught:
        get_network_from_plans(network, {**unet_arguments(), **changes}, IMPORTED, 3, 2)
    assert len(str(caught.value).splitlines()) == 1


def test_a_class_of_another_package_is_not_replaced_by_one_of_the_same_name():
    with pytest.raises(UnknownNetworkError, match=r"'json\.PlainConvUNet', which is not imported"):
        get_network_from_plans("json.PlainConvUNet", unet_arguments(), IMPORTED, 1, 2)


def test_arguments_that_an_architecture_does_not_take_are_the_fault_of_the_plans():
    with pytest.raises(SettingsError, match=r"plans: PlainConvUNet cannot be built .*TypeError: .*no_such_argument"):
        get_network_from_plans(U_NET, {**unet_arguments(), "no_such_argument": 1}, IMPORTED, 1, 2)
