"""Training with the cross entropy of the hardest tenth of all voxels."""

from torch import nn

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.loss.compound_losses import DC_and_topk_loss
from nnunetv2.training.loss.robust_ce_loss import TopKLoss
from nnunetv2.training.nnUNetTrainer.variants.loss.replaced_loss import ReplacedLoss

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.training.loss.deep_supervision": ("DeepSupervisionWrapper",),
        "nnunetv2.training.nnUNetTrainer.nnUNetTrainer": ("nnUNetTrainer",),
    },
)


class nnUNetTrainerTopk10Loss(ReplacedLoss):
    """Trains on the hardest 10 % of the voxels; not for regions."""

    label_smoothing = 0.0

    def _loss_of_one_output(self) -> nn.Module:
        self._refuse_regions()
        return TopKLoss(ignore_index=self._ignore_index(), k=10, label_smoothing=self.label_smoothing)


class nnUNetTrainerTopk10LossLS01(nnUNetTrainerTopk10Loss):
    """Trains on the hardest 10 % of the voxels with a label smoothing of 0.1; not for regions."""

    label_smoothing = 0.1


class nnUNetTrainerDiceTopK10Loss(ReplacedLoss):
    """Trains with Dice and the cross entropy of the hardest 10 % of the voxels; not for regions."""

    def _loss_of_one_output(self) -> nn.Module:
        self._refuse_regions()
        return DC_and_topk_loss(
            self._dice_options(), {"k": 10, "label_smoothing": 0.0}, ignore_label=self.label_manager.ignore_label
        )
