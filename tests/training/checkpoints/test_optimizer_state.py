from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nnunetv2.errors import CheckpointError
from nnunetv2.training.checkpoints.optimizer_state import SplitState, join_optimizer_state, split_optimizer_state


def modules(seed: int = 0) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), nn.Linear(2, 1)


def sgd(parameters: Any) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=1e-3, nesterov=True)


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def test_the_plain_part_is_what_an_optimizer_of_the_plain_network_would_save() -> None:
    plain, heads = modules()
    joint = sgd([*plain.parameters(), *heads.parameters()])
    step(joint, plain(torch.ones(1, 2)).sum() + heads(torch.ones(1, 2)).sum())
    alone_plain, _ = modules()
    alone = sgd(alone_plain.parameters())
    step(alone, alone_plain(torch.ones(1, 2)).sum())

    parts = split_optimizer_state(joint, list(plain.parameters()))

    assert same(parts.plain, alone.state_dict())
    assert list(parts.heads["state"]) == [0, 1]


@pytest.mark.parametrize("heads_first", [False, True])
def test_splitting_and_joining_gives_the_state_back(heads_first: bool) -> None:
    plain, heads = modules()
    order = (heads, plain) if heads_first else (plain, heads)
    optimizer = sgd([parameter for module in order for parameter in module.parameters()])
    step(optimizer, plain(torch.ones(1, 2)).sum() + heads(torch.ones(1, 2)).sum())
    saved = split_optimizer_state(optimizer, list(plain.parameters()))

    assert same(join_optimizer_state(optimizer, list(plain.parameters()), saved), optimizer.state_dict())


def test_a_stock_state_is_loaded_and_heads_start_from_scratch() -> None:
    alone_plain, _ = modules()
    alone = sgd(alone_plain.parameters())
    step(alone, alone_plain(torch.ones(1, 2)).sum())
    plain, heads = modules()
    joint = sgd([*plain.parameters(), *heads.parameters()])

    joined = join_optimizer_state(joint, list(plain.parameters()), SplitState(alone.state_dict(), {"state": {}}))
    joint.load_state_dict(joined)

    assert list(joined["state"]) == [0, 1, 2, 3]
    assert joint.param_groups[0]["params"][-1] is heads.bias


def test_a_parameter_without_gradient_has_no_state_and_needs_none() -> None:
    plain, _ = modules()
    optimizer = sgd(plain.parameters())
    step(optimizer, plain[1](torch.ones(1, 3)).sum())

    saved = split_optimizer_state(optimizer, list(plain.parameters()))

    assert list(saved.plain["state"]) == [2, 3]
    assert same(join_optimizer_state(optimizer, list(plain.parameters()), saved), optimizer.state_dict())


def test_groups_of_heads_alone_are_not_in_the_plain_state() -> None:
    plain, heads = modules()
    optimizer = sgd([{"params": list(plain.parameters())}, {"params": list(heads.parameters()), "lr": 0.5}])
    step(optimizer, plain(torch.ones(1, 2)).sum() + heads(torch.ones(1, 2)).sum())

    saved = split_optimizer_state(optimizer, list(plain.parameters()))

    assert [group["lr"] for group in saved.plain["param_groups"]] == [0.1]
    joined = join_optimizer_state(optimizer, list(plain.parameters()), saved)
    assert [group["lr"] for group in joined["param_groups"]] == [0.1, 0.5]


def test_the_state_of_another_network_is_refused() -> None:
    plain, heads = modules()

    with pytest.raises(CheckpointError, match="state has 2 parameters, this network has 4"):
        join_optimizer_state(
            sgd(plain.parameters()), list(plain.parameters()), SplitState(sgd(heads.parameters()).state_dict(), {})
        )
