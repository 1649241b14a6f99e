"""Training with the Dice loss alone, or with an unsmoothed Dice."""

import torch
from torch import nn

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.training.loss.segmentation_loss import segmentation_loss
from nnunetv2.training.nnUNetTrainer.variants.loss.replaced_loss import ReplacedLoss
from nnunetv2.utilities.helpers import softmax_helper_dim1

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.training.loss.compound_losses": (
            "DC_and_BCE_loss",
            "DC_and_CE_loss",
        ),
        "nnunetv2.training.loss.deep_supervision": ("DeepSupervisionWrapper",),
        "nnunetv2.training.nnUNetTrainer.nnUNetTrainer": ("nnUNetTrainer",),
    },
)


class nnUNetTrainerDiceLoss(ReplacedLoss):
    """Trains with the Dice loss; an ignore label is not ignored."""

    def _loss_of_one_output(self) -> nn.Module:
        has_regions = self.label_manager.has_regions
        return MemoryEfficientSoftDiceLoss(
            apply_nonlin=torch.sigmoid if has_regions else softmax_helper_dim1, **self._dice_options(do_bg=has_regions)
        )


class nnUNetTrainerDiceCELoss_noSmooth(ReplacedLoss):
    """Trains with Dice and cross entropy, the Dice without smoothing."""

    def _loss_of_one_output(self) -> nn.Module:
        return segmentation_loss(
            has_regions=self.label_manager.has_regions,
            ignore_label=self.label_manager.ignore_label,
            batch_dice=self.configuration_manager.batch_dice,
            ddp=self.is_ddp,
            smooth=0,
        )
