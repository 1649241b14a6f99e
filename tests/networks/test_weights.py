"""Weights that are, and are not, those of a network."""

import pytest
import torch

from nnunetv2.errors import CheckpointMismatchError
from nnunetv2.networks.weights import check_weights, loads_in_its_own_way, named_as_in

OWN = {"a": torch.zeros(2, 3), "b": torch.zeros(4), "c": torch.zeros(1)}


def test_weights_of_the_same_names_and_shapes_fit() -> None:
    check_weights(OWN, {name: value + 1 for name, value in OWN.items()}, "file", "Advice")


def test_a_prefix_of_distributed_training_is_removed_unless_the_network_has_it_too() -> None:
    assert list(named_as_in(OWN, {"module.a": OWN["a"], "b": OWN["b"]})) == ["a", "b"]
    assert list(named_as_in({"module.a": OWN["a"]}, {"module.a": OWN["a"]})) == ["module.a"]


def test_missing_surplus_and_reshaped_weights_are_named() -> None:
    weights = {"a": torch.zeros(3, 2), "d": torch.zeros(1)}
    with pytest.raises(CheckpointMismatchError) as caught:
        check_weights(OWN, weights, "file", "Advice")
    assert str(caught.value) == (
        "file does not match this network: lacks b and 1 more; has in surplus d; of another shape: a is (3, 2) "
        "instead of (2, 3). Advice"
    )


def test_a_value_that_is_no_tensor_is_named() -> None:
    weights: dict = {**OWN, "c": 3.0}
    with pytest.raises(CheckpointMismatchError, match=r"c is no tensor instead of \(1,\)"):
        check_weights(OWN, weights, "file", "Advice")


def test_a_network_with_its_own_way_of_loading_is_recognised() -> None:
    class Renames(torch.nn.Linear):
        def load_state_dict(self, state_dict: dict, *arguments: object, **settings: object) -> object:
            return super().load_state_dict({f"{name}": state_dict[f"old.{name}"] for name in ("weight", "bias")})

    hooked = torch.nn.Linear(1, 1)
    hooked.register_load_state_dict_pre_hook(lambda *_: None)

    assert loads_in_its_own_way(Renames(1, 1))
    assert loads_in_its_own_way(hooked)
    assert not loads_in_its_own_way(torch.nn.Linear(1, 1))
