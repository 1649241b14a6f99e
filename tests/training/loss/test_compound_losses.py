import pytest
import torch

from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss, DC_and_CE_loss, DC_and_topk_loss
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss

OPTIONS = {"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False}


def test_a_batch_of_ignored_voxels_only_costs_minus_one_and_has_a_finite_gradient() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = DC_and_CE_loss(OPTIONS, {}, ignore_label=3, dice_class=MemoryEfficientSoftDiceLoss)
    value = loss(logits, torch.full((2, 1, 4, 4), 3))
    value.backward()
    assert value.item() == pytest.approx(-1.0)
    assert torch.isfinite(logits.grad).all()


def test_the_dictionaries_of_the_caller_are_not_changed() -> None:
    ce_options: dict[str, object] = {}
    DC_and_CE_loss(OPTIONS, ce_options, ignore_label=3)
    DC_and_topk_loss(OPTIONS, ce_options, ignore_label=3)
    assert ce_options == {}


def test_a_term_of_weight_zero_is_not_computed() -> None:
    loss = DC_and_CE_loss(OPTIONS, {}, weight_dice=0)
    loss.dc = torch.nn.Identity()  # would fail: it takes no mask
    logits, labels = torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)
    assert loss(logits, labels).item() == pytest.approx(torch.log(torch.tensor(2.0)).item())


def test_an_ignore_label_with_several_target_channels_is_refused() -> None:
    loss = DC_and_CE_loss(OPTIONS, {}, ignore_label=3)
    with pytest.raises(AssertionError, match="one channel"):
        loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4))


def test_ignored_voxels_of_regions_get_no_gradient() -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    target = torch.zeros(1, 3, 4, 4, dtype=torch.bool)
    target[:, 0] = True
    target[:, 2, :2] = True
    DC_and_BCE_loss({}, {**OPTIONS, "do_bg": True}, use_ignore_label=True)(logits, target).backward()
    assert logits.grad[:, :, :2].abs().max() == 0
    assert logits.grad[:, :, 2:].abs().min() > 0


def test_float_regions_cost_the_same_as_bool_regions() -> None:
    logits, target = torch.randn(2, 2, 5, 5), torch.rand(2, 3, 5, 5) > 0.5
    loss = DC_and_BCE_loss({}, {**OPTIONS, "do_bg": True}, use_ignore_label=True)
    torch.testing.assert_close(loss(logits, target), loss(logits, target.float()))
