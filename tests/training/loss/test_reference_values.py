"""Losses on fixed numbers: the values were printed by nnU-Net 2.8.1."""

import pytest
import torch
from torch import Tensor

from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss, DC_and_CE_loss, DC_and_topk_loss
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss, SoftDiceLoss
from nnunetv2.training.loss.robust_ce_loss import RobustCrossEntropyLoss, TopKLoss
from nnunetv2.utilities.helpers import softmax_helper_dim1

DICE_CLASSES = (SoftDiceLoss, MemoryEfficientSoftDiceLoss)


@pytest.fixture
def logits() -> Tensor:
    return (2 * torch.sin(torch.arange(96, dtype=torch.float32))).reshape(2, 3, 4, 4)


@pytest.fixture
def labels() -> Tensor:
    return (torch.arange(32) % 3).reshape(2, 1, 4, 4)


@pytest.fixture
def labels_with_ignore(labels: Tensor) -> Tensor:
    labels[0, 0, 0, :] = 3
    labels[1, 0, 3, 3] = 3
    return labels


def dice_options(batch_dice: bool, do_bg: bool = False) -> dict[str, object]:
    return {"batch_dice": batch_dice, "smooth": 1e-5, "do_bg": do_bg, "ddp": False}


def regions(labels: Tensor, with_ignore: bool) -> Tensor:
    channels = [(labels == 1) | (labels == 2), labels == 2] + ([labels == 3] if with_ignore else [])
    return torch.cat(channels, dim=1)


@pytest.mark.parametrize(("batch_dice", "expected"), [(True, 1.555513), (False, 1.557425)])
@pytest.mark.parametrize("dice_class", DICE_CLASSES)
def test_dice_and_cross_entropy(logits, labels, dice_class, batch_dice, expected) -> None:
    loss = DC_and_CE_loss(dice_options(batch_dice), {}, dice_class=dice_class)
    assert loss(logits, labels).item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("batch_dice", "expected"), [(True, 1.481508), (False, 1.481323)])
@pytest.mark.parametrize("dice_class", DICE_CLASSES)
def test_dice_and_cross_entropy_with_ignore_label(logits, labels_with_ignore, dice_class, batch_dice, expected) -> None:
    loss = DC_and_CE_loss(dice_options(batch_dice), {}, ignore_label=3, dice_class=dice_class)
    assert loss(logits, labels_with_ignore).item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(("batch_dice", "expected"), [(True, -0.302409), (False, -0.300497)])
@pytest.mark.parametrize("dice_class", DICE_CLASSES)
def test_dice_alone(logits, labels, dice_class, batch_dice, expected) -> None:
    loss = dice_class(apply_nonlin=softmax_helper_dim1, **dice_options(batch_dice))
    assert loss(logits, labels).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("batch_dice", "expected"), [(True, 0.416549), (False, 0.417640)])
def test_dice_and_binary_cross_entropy_of_regions(logits, labels, batch_dice, expected) -> None:
    loss = DC_and_BCE_loss({}, dice_options(batch_dice, do_bg=True))
    assert loss(logits[:, :2], regions(labels, with_ignore=False)).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("batch_dice", "expected"), [(True, 1.430978), (False, 1.431420)])
def test_regions_with_ignore_channel(logits, labels_with_ignore, batch_dice, expected) -> None:
    loss = DC_and_BCE_loss({}, dice_options(batch_dice, do_bg=True), use_ignore_label=True)
    target = regions(labels_with_ignore, with_ignore=True)
    assert loss(logits[:, :2], target).item() == pytest.approx(expected, abs=2e-6)


def test_cross_entropy(logits, labels) -> None:
    assert RobustCrossEntropyLoss()(logits, labels.float()).item() == pytest.approx(1.857922, abs=2e-6)


def test_cross_entropy_with_ignored_voxels(logits, labels_with_ignore) -> None:
    loss = RobustCrossEntropyLoss(ignore_index=3)
    assert loss(logits, labels_with_ignore).item() == pytest.approx(1.807410, abs=2e-6)


@pytest.mark.parametrize(("smoothing", "expected"), [(0, 4.218129), (0.1, 3.986417)])
def test_top_k(logits, labels, smoothing, expected) -> None:
    loss = TopKLoss(k=10, label_smoothing=smoothing)
    assert loss(logits, labels).item() == pytest.approx(expected, abs=4e-6)


def test_top_k_with_ignored_voxels(logits, labels_with_ignore) -> None:
    loss = TopKLoss(ignore_index=3, k=10)
    assert loss(logits, labels_with_ignore).item() == pytest.approx(4.035985, abs=4e-6)


def test_dice_and_top_k(logits, labels) -> None:
    loss = DC_and_topk_loss(dice_options(batch_dice=True), {"k": 10})
    assert loss(logits, labels).item() == pytest.approx(3.915720, abs=4e-6)


def test_dice_and_top_k_with_ignored_voxels(logits, labels_with_ignore) -> None:
    loss = DC_and_topk_loss(dice_options(batch_dice=True), {"k": 10}, ignore_label=3)
    assert loss(logits, labels_with_ignore).item() == pytest.approx(3.710083, abs=4e-6)
