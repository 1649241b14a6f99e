import pytest
import torch

from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss, SoftDiceLoss, get_tp_fp_fn_tn

PREDICTED = torch.tensor([[1.0, 1.0, 0.0, 0.0]]).reshape(1, 1, 2, 2)
REFERENCE = torch.tensor([[1.0, 0.0, 1.0, 0.0]]).reshape(1, 1, 2, 2)


def test_each_voxel_is_counted_once() -> None:
    assert [count.item() for count in get_tp_fp_fn_tn(PREDICTED, REFERENCE)] == [1, 1, 1, 1]


def test_masked_voxels_are_not_counted() -> None:
    mask = torch.tensor([1.0, 0.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    assert [count.item() for count in get_tp_fp_fn_tn(PREDICTED, REFERENCE, mask=mask)] == [1, 0, 0, 0]


def test_no_axes_means_no_sum() -> None:
    tp, *_ = get_tp_fp_fn_tn(PREDICTED, REFERENCE, axes=())
    assert tp.shape == PREDICTED.shape


def test_squares_are_summed_on_request() -> None:
    tp, *_ = get_tp_fp_fn_tn(PREDICTED * 0.5, REFERENCE, square=True)
    assert tp.item() == 0.25


def test_half_precision_maps_are_summed_in_single_precision() -> None:
    ones = torch.ones(1, 1, 100, 100, dtype=torch.float16)
    tp, *_ = get_tp_fp_fn_tn(ones, ones)
    assert tp.item() == 10_000
    assert tp.dtype == torch.float32


def test_a_label_map_counts_like_its_one_hot_map() -> None:
    probabilities = torch.rand(2, 3, 4, 4)
    labels = torch.randint(0, 3, (2, 1, 4, 4))
    one_hot = torch.nn.functional.one_hot(labels[:, 0], 3).movedim(-1, 1).float()
    for from_labels, from_one_hot in zip(
        get_tp_fp_fn_tn(probabilities, labels), get_tp_fp_fn_tn(probabilities, one_hot), strict=True
    ):
        torch.testing.assert_close(from_labels, from_one_hot)


@pytest.mark.parametrize("loss_class", [SoftDiceLoss, MemoryEfficientSoftDiceLoss])
def test_a_perfect_prediction_costs_minus_one(loss_class) -> None:
    labels = torch.tensor([[0, 1], [1, 2]]).reshape(1, 1, 2, 2)
    one_hot = torch.nn.functional.one_hot(labels[:, 0], 3).movedim(-1, 1).float()
    assert loss_class(smooth=0, ddp=False)(one_hot, labels).item() == pytest.approx(-1.0)


@pytest.mark.parametrize("loss_class", [SoftDiceLoss, MemoryEfficientSoftDiceLoss])
def test_a_missed_class_costs_about_zero(loss_class) -> None:
    probabilities = torch.tensor([0.01, 0.99]).reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    background = torch.zeros(1, 1, 4, 4)
    loss = loss_class(batch_dice=True, do_bg=False, smooth=1e-5, ddp=False)
    assert loss(probabilities, background).item() == pytest.approx(-1e-5 / (0.99 * 16), rel=1e-4)


@pytest.mark.parametrize("batch_dice", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_both_classes_agree_in_value_and_gradient(batch_dice, masked) -> None:
    logits = torch.randn(2, 3, 4, 5, 6)
    labels = torch.randint(0, 3, (2, 1, 4, 5, 6))
    mask = torch.rand(2, 1, 4, 5, 6) > 0.3 if masked else None
    results = []
    for loss_class in (SoftDiceLoss, MemoryEfficientSoftDiceLoss):
        x = logits.clone().requires_grad_()
        loss = loss_class(torch.sigmoid, batch_dice, do_bg=False, smooth=1e-5, ddp=False)(x, labels, loss_mask=mask)
        loss.backward()
        results.append((loss.detach(), x.grad))
    torch.testing.assert_close(results[0], results[1])


def test_clipped_true_positives_bound_the_loss() -> None:
    loss = SoftDiceLoss(smooth=0, ddp=False, clip_tp=2.0)
    assert loss(torch.zeros(1, 1, 2, 2), REFERENCE).item() == pytest.approx(-4 / 6)
