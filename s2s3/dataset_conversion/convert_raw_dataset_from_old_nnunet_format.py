"""Converts a raw dataset of nnU-Net v1 (TaskXXX_Name) to the layout of nnU-Net v2."""

import argparse
import shutil
from pathlib import Path

from nnunetv2.dataset_conversion.old_dataset_json import converted_dataset_json
from nnunetv2.dataset_conversion.target_folder import check_dataset_name, new_raw_dataset
from nnunetv2.errors import DatasetLayoutError
from nnunetv2.utilities.command_line import command
from nnunetv2.utilities.files import read_json, write_json

_NEEDED = ("imagesTr", "labelsTr")
_OPTIONAL = ("imagesTs", "labelsTs", "imagesVal", "labelsVal")


def convert(source_folder: str, target_dataset_name: str) -> None:
    """Copy a v1 dataset to `nnUNet_raw/<target_dataset_name>` and translate its dataset.json.

    Raises DatasetLayoutError if the folder is not a v1 dataset, DatasetError if the target exists or files are empty.
    """
    source = Path(source_folder)
    absent = [name for name in _NEEDED if not (source / name).is_dir()]
    if absent:
        raise DatasetLayoutError(f"{source}: {', '.join(absent)} missing, expected a raw dataset of nnU-Net v1")
    dataset_json = converted_dataset_json(
        read_json(source / "dataset.json"), str(source / "dataset.json"), from_v1=True
    )
    with new_raw_dataset(check_dataset_name(target_dataset_name)) as target:
        for name in (*_NEEDED, *_OPTIONAL):
            if (source / name).is_dir():
                shutil.copytree(source / name, target / name)
        write_json(dataset_json, target / "dataset.json")


@command
def convert_entry_point() -> None:
    """Run nnUNetv2_convert_old_nnUNet_dataset."""
    parser = argparse.ArgumentParser(description="Convert a raw dataset of nnU-Net v1.")
    parser.add_argument("input_folder", help="folder of the v1 dataset, TaskXXX_Name")
    parser.add_argument("output_dataset_name", help="name of the new dataset, for example Dataset004_Name")
    arguments = parser.parse_args()
    convert(arguments.input_folder, arguments.output_dataset_name)
