"""Where nnU-Net's clients import unpack_dataset from; the code is in nnunetv2.preprocessing.storage."""

from nnunetv2.preprocessing.storage.npz_unpacking import _convert_to_npy, unpack_dataset

__all__ = ["_convert_to_npy", "unpack_dataset"]
