"""The loss of each domain of a batch."""

import torch

from nnunetv2.training.domain_balance.domain_losses import losses_by_domain

VALUES = torch.arange(8.0).reshape(4, 1, 2)
DOMAINS = ["a", "b", "a", "c"]


def mean_error(output, target) -> torch.Tensor:
    if isinstance(output, list):
        return torch.stack([mean_error(*scales) for scales in zip(output, target, strict=True)]).sum()
    return (output - target).abs().mean()


def test_each_domain_has_the_loss_of_its_samples_alone() -> None:
    found = losses_by_domain(mean_error, VALUES, torch.zeros_like(VALUES), DOMAINS)
    assert {name: float(value) for name, value in found.items()} == {"a": (0.5 + 4.5) / 2, "b": 2.5, "c": 6.5}


def test_all_scales_of_deep_supervision_are_divided() -> None:
    scales = [VALUES, VALUES[..., :1]]
    found = losses_by_domain(mean_error, scales, [torch.zeros_like(scale) for scale in scales], DOMAINS)
    assert float(found["b"]) == 2.5 + 2.0


def test_gradients_reach_the_samples_of_each_domain() -> None:
    output = VALUES.clone().requires_grad_()
    losses_by_domain(mean_error, output, torch.zeros_like(VALUES), DOMAINS)["b"].backward()
    assert output.grad is not None
    assert output.grad.abs().sum(dim=(1, 2)).tolist() == [0, 1, 0, 0]
