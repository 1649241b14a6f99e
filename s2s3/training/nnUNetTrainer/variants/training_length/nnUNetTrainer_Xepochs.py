"""nnU-Net trained for a number of epochs other than 1000."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class nnUNetTrainer_1epoch(nnUNetTrainer):
    """Trains for 1 epoch."""

    num_epochs = 1


class nnUNetTrainer_5epochs(nnUNetTrainer):
    """Trains for 5 epochs."""

    num_epochs = 5


class nnUNetTrainer_10epochs(nnUNetTrainer):
    """Trains for 10 epochs."""

    num_epochs = 10


class nnUNetTrainer_20epochs(nnUNetTrainer):
    """Trains for 20 epochs."""

    num_epochs = 20


class nnUNetTrainer_50epochs(nnUNetTrainer):
    """Trains for 50 epochs."""

    num_epochs = 50


class nnUNetTrainer_100epochs(nnUNetTrainer):
    """Trains for 100 epochs."""

    num_epochs = 100


class nnUNetTrainer_250epochs(nnUNetTrainer):
    """Trains for 250 epochs."""

    num_epochs = 250


class nnUNetTrainer_500epochs(nnUNetTrainer):
    """Trains for 500 epochs."""

    num_epochs = 500


class nnUNetTrainer_750epochs(nnUNetTrainer):
    """Trains for 750 epochs."""

    num_epochs = 750


class nnUNetTrainer_2000epochs(nnUNetTrainer):
    """Trains for 2000 epochs."""

    num_epochs = 2000


class nnUNetTrainer_4000epochs(nnUNetTrainer):
    """Trains for 4000 epochs."""

    num_epochs = 4000


class nnUNetTrainer_8000epochs(nnUNetTrainer):
    """Trains for 8000 epochs."""

    num_epochs = 8000
