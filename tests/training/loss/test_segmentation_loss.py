import pytest
import torch

from nnunetv2.training.loss.compound_losses import DC_and_BCE_loss, DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.segmentation_loss import (
    compile_dice,
    deep_supervision_weights,
    output_weights,
    segmentation_loss,
    supervise_deeply,
)


def make(**changes: object) -> DC_and_CE_loss | DC_and_BCE_loss:
    return segmentation_loss(
        **{"has_regions": False, "ignore_label": None, "batch_dice": True, "ddp": False, **changes}  # type: ignore[arg-type]
    )


def test_six_outputs_get_the_weights_of_nnunet() -> None:
    expected = [0.516129, 0.258065, 0.129032, 0.064516, 0.032258, 0]
    assert deep_supervision_weights(6) == pytest.approx(expected, abs=1e-6)


def test_a_tiny_last_weight_keeps_the_sum_at_one() -> None:
    weights = deep_supervision_weights(3, last_weight=1e-6)
    assert weights[-1] == pytest.approx(1e-6 / 1.500001)
    assert sum(weights) == pytest.approx(1)


def test_a_single_output_is_trained() -> None:
    assert deep_supervision_weights(1) == (1.0,)


def test_labels_are_trained_with_cross_entropy_and_dice_without_background() -> None:
    loss = make(ignore_label=4)
    assert isinstance(loss, DC_and_CE_loss)
    assert (loss.dc.do_bg, loss.dc.batch_dice, loss.dc.smooth, loss.dc.ddp) == (False, True, 1e-5, False)
    assert (loss.ignore_label, loss.ce.ignore_index) == (4, 4)


def test_the_background_counts_in_the_dice_on_request() -> None:
    assert make(dice_of_background=True).dc.do_bg is True


def test_regions_are_trained_with_binary_cross_entropy_and_dice_of_all_channels() -> None:
    loss = make(has_regions=True, ignore_label=4)
    assert isinstance(loss, DC_and_BCE_loss)
    assert (loss.dc.do_bg, loss.use_ignore_label) == (True, True)


def test_without_scales_the_loss_is_not_wrapped() -> None:
    loss = make()
    assert supervise_deeply(loss, None, ddp=False) is loss
    assert output_weights(None, ddp=False) is None


@pytest.mark.parametrize(("ddp", "compiled", "last"), [(False, False, 0.0), (True, False, 1e-6), (True, True, 0.0)])
def test_only_ddp_without_compilation_reaches_the_last_output(ddp, compiled, last) -> None:
    wrapper = supervise_deeply(make(), [[1.0, 1.0], [0.5, 0.5]], ddp=ddp, compiled=compiled)
    assert isinstance(wrapper, DeepSupervisionWrapper)
    assert wrapper.weight_factors is not None
    assert wrapper.weight_factors[-1] == pytest.approx(last, rel=1e-5)
    assert output_weights([[1.0, 1.0], [0.5, 0.5]], ddp=ddp, compiled=compiled) == wrapper.weight_factors


def test_a_loss_over_scales_can_be_trained() -> None:
    wrapper = supervise_deeply(make(), [[1.0, 1.0], [0.5, 0.5]], ddp=False)
    logits = [torch.randn(2, 3, size, size, requires_grad=True) for size in (8, 4)]
    wrapper(logits, [torch.randint(0, 3, (2, 1, size, size)) for size in (8, 4)]).backward()
    assert logits[0].grad is not None
    assert logits[1].grad is None


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own, while it imports its compiler
def test_only_the_dice_part_is_compiled() -> None:
    loss = compile_dice(make())
    assert loss.dc._compiled_call_impl is not None
    assert loss.ce._compiled_call_impl is None


def test_a_loss_without_dice_is_not_changed() -> None:
    loss = torch.nn.CrossEntropyLoss()
    assert compile_dice(loss) is loss
