"""nnU-Net trained for another number of epochs than 1000."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.class_settings import ClassSettings


class nnUNetTrainer_1epoch(ClassSettings, nnUNetTrainer):
    """Trains for 1 epoch."""

    num_epochs = 1


class nnUNetTrainer_5epochs(ClassSettings, nnUNetTrainer):
    """Trains for 5 epochs."""

    num_epochs = 5


class nnUNetTrainer_10epochs(ClassSettings, nnUNetTrainer):
    """Trains for 10 epochs."""

    num_epochs = 10


class nnUNetTrainer_20epochs(ClassSettings, nnUNetTrainer):
    """Trains for 20 epochs."""

    num_epochs = 20


class nnUNetTrainer_50epochs(ClassSettings, nnUNetTrainer):
    """Trains for 50 epochs."""

    num_epochs = 50


class nnUNetTrainer_100epochs(ClassSettings, nnUNetTrainer):
    """Trains for 100 epochs."""

    num_epochs = 100


class nnUNetTrainer_250epochs(ClassSettings, nnUNetTrainer):
    """Trains for 250 epochs."""

    num_epochs = 250


class nnUNetTrainer_500epochs(ClassSettings, nnUNetTrainer):
    """Trains for 500 epochs."""

    num_epochs = 500


class nnUNetTrainer_750epochs(ClassSettings, nnUNetTrainer):
    """Trains for 750 epochs."""

    num_epochs = 750


class nnUNetTrainer_2000epochs(ClassSettings, nnUNetTrainer):
    """Trains for 2000 epochs."""

    num_epochs = 2000


class nnUNetTrainer_4000epochs(ClassSettings, nnUNetTrainer):
    """Trains for 4000 epochs."""

    num_epochs = 4000


class nnUNetTrainer_8000epochs(ClassSettings, nnUNetTrainer):
    """Trains for 8000 epochs."""

    num_epochs = 8000
