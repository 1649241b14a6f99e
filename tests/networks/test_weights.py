"""Weights that are, and are not, those of a network."""

import torch

from nnunetv2.networks.weights import loads_in_its_own_way, weight_differences

OWN = {"a": torch.zeros(2, 3), "b": torch.zeros(4), "c": torch.zeros(1)}


def test_weights_of_the_same_names_and_shapes_do_not_differ() -> None:
    assert weight_differences(OWN, {name: value + 1 for name, value in OWN.items()}) == []


def test_missing_surplus_and_reshaped_weights_are_named() -> None:
    weights = {"a": torch.zeros(3, 2), "d": torch.zeros(1)}
    assert weight_differences(OWN, weights) == [
        "lacks b and 1 more",
        "has in surplus d",
        "of another shape: a is (3, 2) instead of (2, 3)",
    ]


def test_a_network_with_its_own_way_of_loading_is_recognised() -> None:
    class Renames(torch.nn.Linear):
        def load_state_dict(self, state_dict: dict, *arguments: object, **settings: object) -> object:
            return super().load_state_dict({f"{name}": state_dict[f"old.{name}"] for name in ("weight", "bias")})

    hooked = torch.nn.Linear(1, 1)
    hooked.register_load_state_dict_pre_hook(lambda *_: None)

    assert loads_in_its_own_way(Renames(1, 1))
    assert loads_in_its_own_way(hooked)
    assert not loads_in_its_own_way(torch.nn.Linear(1, 1))
