"""Recognises the format of a folder of preprocessed cases."""

from nnunetv2.errors import DatasetLayoutError, MissingEntryError
from nnunetv2.preprocessing.storage.base_dataset import nnUNetBaseDataset
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2
from nnunetv2.preprocessing.storage.numpy_dataset import nnUNetDatasetNumpy
from s1.listed_files import list_files

file_ending_dataset_mapping: dict[str, type[nnUNetBaseDataset]] = {
    "npz": nnUNetDatasetNumpy,
    "b2nd": nnUNetDatasetBlosc2,
}
_ACCOMPANYING_ENDINGS = {"pkl", "npy"}


def infer_dataset_class(folder: str) -> type[nnUNetBaseDataset]:
    """Return the dataset class for the files in a folder; hidden ones do not count.

    Raises DatasetLayoutError (an AssertionError) unless there is exactly one kind of file besides .pkl and .npy,
    MissingEntryError (a KeyError) for an unknown kind.
    """
    endings = {name.rsplit(".", 1)[-1] for name in list_files(folder).names} - _ACCOMPANYING_ENDINGS
    if len(endings) != 1:
        raise DatasetLayoutError(
            f"{folder}: found files ending in {', '.join(sorted(endings)) or 'nothing'}; expected preprocessed cases of"
            f" one kind ({' or '.join(file_ending_dataset_mapping)}) and nothing else. Run nnUNetv2_preprocess first"
        )
    ending = endings.pop()
    if ending not in file_ending_dataset_mapping:
        known = ", ".join(file_ending_dataset_mapping)
        raise MissingEntryError(f"{folder}: files ending in {ending!r} are not preprocessed cases (known: {known})")
    return file_ending_dataset_mapping[ending]
