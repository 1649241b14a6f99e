"""One optimizer over the plain network and the edge heads, saved as two states.

The first is exactly what the optimizer of the plain network alone would save, so that nnU-Net can resume from it;
the second holds the state of the heads. As in torch, parameters are numbered from 0 through all groups.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nnunetv2.errors import CheckpointError

State = dict[str, Any]


@dataclass(frozen=True)
class SplitState:
    """The state of an optimizer, divided into the two parts that a checkpoint holds."""

    plain: State
    heads: State
    """`state` as in torch, but numbered over the parameters of the heads alone; empty if there are none."""


def split_optimizer_state(optimizer: torch.optim.Optimizer, plain_parameters: Collection[torch.Tensor]) -> SplitState:
    """Divide the state of `optimizer` by whether a parameter is among `plain_parameters`.

    A group that holds only parameters of heads is not part of the plain state.
    """
    whole = optimizer.state_dict()
    is_plain = _membership(optimizer, plain_parameters)
    if all(is_plain):
        return SplitState(whole, {"state": {}})
    numbers = _numbers_by_side(is_plain)
    groups = []
    for group in whole["param_groups"]:
        kept = [numbers[True][i] for i in group["params"] if is_plain[i]]
        if kept:
            groups.append({**group, "params": kept})
    states = {
        side: {numbers[side][i]: entry for i, entry in whole["state"].items() if is_plain[i] is side}
        for side in (True, False)
    }
    return SplitState({"state": states[True], "param_groups": groups}, {"state": states[False]})


def join_optimizer_state(
    optimizer: torch.optim.Optimizer, plain_parameters: Collection[torch.Tensor], saved: SplitState
) -> State:
    """Return a state that `optimizer` can load, from the two parts of a checkpoint.

    Heads without a saved state start from scratch. Raises CheckpointError if the plain part does not match.
    """
    is_plain = _membership(optimizer, plain_parameters)
    numbers = _numbers_by_side(is_plain)
    _check_size(saved.plain, is_plain.count(True))
    return {
        "state": {
            i: part["state"][numbers[plain][i]]
            for i, plain in enumerate(is_plain)
            for part in (saved.plain if plain else saved.heads,)
            if numbers[plain][i] in part.get("state", {})
        },
        "param_groups": list(_joined_groups(optimizer.state_dict()["param_groups"], is_plain, saved.plain)),
    }


def _membership(optimizer: torch.optim.Optimizer, plain_parameters: Collection[torch.Tensor]) -> list[bool]:
    plain = {id(parameter) for parameter in plain_parameters}
    return [id(parameter) in plain for group in optimizer.param_groups for parameter in group["params"]]


def _numbers_by_side(is_plain: list[bool]) -> dict[bool, dict[int, int]]:
    """Return for plain (True) and heads (False): number in the whole optimizer -> number in the part."""
    sides = {side: [i for i, plain in enumerate(is_plain) if plain is side] for side in (True, False)}
    return {side: {whole: part for part, whole in enumerate(members)} for side, members in sides.items()}


def _check_size(plain: Mapping[str, Any], expected: int) -> None:
    found = sum(len(group["params"]) for group in plain["param_groups"])
    if found != expected:
        raise CheckpointError(
            f"the optimizer state has {found} parameters, this network has {expected}; the checkpoint was "
            "written with another network or another trainer"
        )


def _joined_groups(current: list[State], is_plain: list[bool], plain: Mapping[str, Any]) -> Iterator[State]:
    """Yield the optimizer's groups; those with plain parameters get their saved settings."""
    saved = iter(plain["param_groups"])
    for group in current:
        settings = next(saved, group) if any(is_plain[i] for i in group["params"]) else group
        yield {**settings, "params": group["params"]}
