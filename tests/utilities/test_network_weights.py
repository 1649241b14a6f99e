"""Weights that are, and are not, those of a network."""

import torch

from nnunetv2.utilities.network_weights import weight_differences

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
