"""Training with cross entropy alone."""

from torch import nn

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.loss.robust_ce_loss import RobustCrossEntropyLoss
from nnunetv2.training.nnUNetTrainer.variants.loss.replaced_loss import ReplacedLoss

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__,
    {
        "nnunetv2.training.loss.deep_supervision": ("DeepSupervisionWrapper",),
        "nnunetv2.training.nnUNetTrainer.nnUNetTrainer": ("nnUNetTrainer",),
    },
)


class nnUNetTrainerCELoss(ReplacedLoss):
    """Trains with cross entropy; not for regions."""

    def _loss_of_one_output(self) -> nn.Module:
        self._refuse_regions()
        return RobustCrossEntropyLoss(ignore_index=self._ignore_index())


class nnUNetTrainerCELoss_5epochs(nnUNetTrainerCELoss):
    """Trains with cross entropy for 5 epochs."""

    num_epochs = 5
