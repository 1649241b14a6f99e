"""Converts a raw dataset of nnU-Net v1 (TaskXXX_Name) to the layout of nnU-Net v2."""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from nnunetv2.dataset_conversion.old_dataset_json import converted_dataset_json, refuse_missing_files
from nnunetv2.dataset_conversion.target_folder import check_dataset_name, new_raw_dataset
from nnunetv2.errors import DatasetError, DatasetLayoutError
from nnunetv2.file_kinds.dataset_files import OLD_DATASET
from nnunetv2.foundation.command_line import command
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.foundation.late_names import late_names
from s1.listed_files import list_files
from s1.readable_files import hindrance

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(__name__, {"nnunetv2.paths": ("nnUNet_raw",)})

_ENDING = ".nii.gz"
_NEEDED = ("imagesTr", "labelsTr")
_OPTIONAL = ("imagesTs", "labelsTs", "imagesVal", "labelsVal")


def convert(source_folder: str, target_dataset_name: str) -> None:
    """Copy a v1 dataset, without hidden files, to `nnUNet_raw/<target_dataset_name>`; translate its dataset.json.

    Raises DatasetLayoutError if the folder is not a v1 dataset or lacks listed files, DatasetError if the target exists
    or files are empty.
    """
    source = Path(source_folder)
    absent = [name for name in _NEEDED if not (source / name).is_dir()]
    if absent:
        raise DatasetLayoutError(f"{source}: {', '.join(absent)} missing, expected a raw dataset of nnU-Net v1")
    old = read_json(source / "dataset.json", OLD_DATASET, DatasetLayoutError)
    dataset_json = converted_dataset_json(old, str(source / "dataset.json"), from_v1=True)
    refuse_missing_files(old, source)
    folders = [name for name in (*_NEEDED, *_OPTIONAL) if (source / name).is_dir()]
    _refuse_what_is_no_file(source, folders)
    with new_raw_dataset(check_dataset_name(target_dataset_name)) as target:
        for name in folders:
            shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns(".*"))
        write_json(dataset_json, target / "dataset.json")


def _refuse_what_is_no_file(source: Path, folders: Iterable[str]) -> None:
    """Raise DatasetError, which lists images that are folders, and pipes, devices and lost links of any name."""
    problems = [line for name in folders for line in list_files(source / name, _ENDING).problems]
    paths = [path for name in folders for path in sorted((source / name).rglob("[!.]*")) if not path.is_dir()]
    problems += [f"{path}: {reason}" for path in paths if (reason := hindrance(path))]
    if problems:
        raise DatasetError(f"{source}: nothing was written, because of", list(dict.fromkeys(problems)))


@command
def convert_entry_point() -> None:
    """Run nnUNetv2_convert_old_nnUNet_dataset."""
    parser = argparse.ArgumentParser(description="Convert a raw dataset of nnU-Net v1.")
    parser.add_argument("input_folder", help="folder of the v1 dataset, TaskXXX_Name")
    parser.add_argument("output_dataset_name", help="name of the new dataset, for example Dataset004_Name")
    arguments = parser.parse_args()
    convert(arguments.input_folder, arguments.output_dataset_name)
