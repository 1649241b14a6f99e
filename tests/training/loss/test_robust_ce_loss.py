import torch

from nnunetv2.training.loss.robust_ce_loss import RobustCrossEntropyLoss, TopKLoss


def test_targets_with_and_without_channel_axis_cost_the_same() -> None:
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 1, 4, 4))
    torch.testing.assert_close(
        RobustCrossEntropyLoss()(logits, labels.short()), torch.nn.CrossEntropyLoss()(logits, labels[:, 0])
    )


def test_only_ignored_voxels_give_nan() -> None:
    loss = RobustCrossEntropyLoss(ignore_index=2)(torch.randn(1, 3, 4), torch.full((1, 4), 2))
    assert torch.isnan(loss)


def test_top_k_is_the_mean_of_the_hardest_voxels() -> None:
    logits, labels = torch.randn(2, 3, 5, 5), torch.randint(0, 3, (2, 1, 5, 5))
    losses = torch.nn.functional.cross_entropy(logits, labels[:, 0], reduction="none").flatten()
    torch.testing.assert_close(TopKLoss(k=20)(logits, labels), losses.sort(descending=True)[0][:10].mean())


def test_top_k_of_fewer_than_ten_voxels_is_nan() -> None:
    assert torch.isnan(TopKLoss(k=10)(torch.randn(1, 3, 3, 3), torch.zeros(1, 1, 3, 3)))
