"""nnU-Net's import path of the classes for preprocessed datasets; the code is in nnunetv2.preprocessing.storage."""

from nnunetv2.configuration import default_num_processes
from nnunetv2.preprocessing.storage.base_dataset import nnUNetBaseDataset
from nnunetv2.preprocessing.storage.block_shapes import comp_blosc2_params
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.preprocessing.storage.dataset_kinds import file_ending_dataset_mapping, infer_dataset_class
from nnunetv2.preprocessing.storage.npz_unpacking import unpack_dataset
from nnunetv2.preprocessing.storage.numpy_dataset import nnUNetDatasetNumpy

__all__ = [
    "comp_blosc2_params",
    "default_num_processes",
    "file_ending_dataset_mapping",
    "infer_dataset_class",
    "nnUNetBaseDataset",
    "nnUNetDatasetBlosc2",
    "nnUNetDatasetNumpy",
    "unpack_dataset",
]
