"""How many processes feed a training with augmented batches (defined with the other settings of the environment)."""

from nnunetv2.configuration import get_allowed_n_proc_DA

__all__ = ["get_allowed_n_proc_DA"]
