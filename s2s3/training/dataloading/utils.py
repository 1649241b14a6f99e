"""nnU-Net's import path of unpack_dataset; the code is in nnunetv2.preprocessing.storage."""

from nnunetv2.preprocessing.storage.npz_unpacking import _convert_to_npy, unpack_dataset

__all__ = ["_convert_to_npy", "unpack_dataset"]
