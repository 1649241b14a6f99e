"""The base of trainers with another loss."""

from typing import Any

from torch import nn

from nnunetv2.errors import CallError
from nnunetv2.training.loss.segmentation_loss import SMOOTH, supervise_deeply
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class ReplacedLoss(nnUNetTrainer):
    """Applies the loss that `_loss_of_one_output` returns to all outputs of deep supervision."""

    def _loss_of_one_output(self) -> nn.Module:
        raise NotImplementedError

    def _build_loss(self) -> nn.Module:
        """Return the loss, weighted over the outputs of deep supervision."""
        return supervise_deeply(
            self._loss_of_one_output(),
            self._get_deep_supervision_scales(),
            ddp=self.is_ddp,
            compiled=self._do_i_compile(),
        )

    def _refuse_regions(self) -> None:
        if self.label_manager.has_regions:
            raise CallError(
                f"{type(self).__name__} needs mutually exclusive labels, but this dataset has regions; "
                "use nnUNetTrainer"
            )

    def _ignore_index(self) -> int:
        """Return the ignore label for cross entropy, or -100, torch's default, if there is none."""
        return -100 if self.label_manager.ignore_label is None else self.label_manager.ignore_label

    def _dice_options(self, do_bg: bool = False) -> dict[str, Any]:
        return {
            "batch_dice": self.configuration_manager.batch_dice,
            "do_bg": do_bg,
            "smooth": SMOOTH,
            "ddp": self.is_ddp,
        }
