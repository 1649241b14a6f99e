"""nnU-Net's import path of unpack_dataset; the code is in nnunetv2.preprocessing.storage."""

from nnunetv2.configuration import default_num_processes
from nnunetv2.preprocessing.storage.npz_unpacking import _convert_to_npy, unpack_dataset

__all__ = ["_convert_to_npy", "default_num_processes", "unpack_dataset"]
