"""nnU-Net trained for a number of epochs other than 1000, without mirroring."""

from nnunetv2.foundation.late_names import late_names
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoMirroring import nnUNetTrainerNoMirroring

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.training.nnUNetTrainer.nnUNetTrainer": ("nnUNetTrainer",)})


class nnUNetTrainer_250epochs_NoMirroring(nnUNetTrainerNoMirroring):
    """Trains for 250 epochs without mirroring."""

    num_epochs = 250


class nnUNetTrainer_2000epochs_NoMirroring(nnUNetTrainerNoMirroring):
    """Trains for 2000 epochs without mirroring."""

    num_epochs = 2000


class nnUNetTrainer_4000epochs_NoMirroring(nnUNetTrainerNoMirroring):
    """Trains for 4000 epochs without mirroring."""

    num_epochs = 4000


class nnUNetTrainer_8000epochs_NoMirroring(nnUNetTrainerNoMirroring):
    """Trains for 8000 epochs without mirroring."""

    num_epochs = 8000
