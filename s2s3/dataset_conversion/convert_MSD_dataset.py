"""Converts a dataset of the Medical Segmentation Decathlon to nnU-Net's raw layout."""

import shutil
from argparse import Namespace
from pathlib import Path

from nnunetv2.configuration import default_num_processes
from nnunetv2.dataset_conversion.old_dataset_json import converted_dataset_json, refuse_missing_files
from nnunetv2.dataset_conversion.target_folder import new_raw_dataset
from nnunetv2.errors import DatasetLayoutError, ImageProblemError, UnfitImageError
from nnunetv2.file_kinds.dataset_files import OLD_DATASET
from nnunetv2.foundation.files import read_json, write_json
from nnunetv2.foundation.late_names import late_names
from nnunetv2.foundation.workers import run_cases
from nnunetv2.utilities.dataset_name_id_conversion import find_candidate_datasets
from nnunetv2.utilities.utils import files_in_folder

# Other people's code looks for these names here, where nnU-Net imports them.
__getattr__, __dir__ = late_names(
    __name__, {"nnunetv2.dataset_conversion.convert_MSD_command": ("entry_point",), "nnunetv2.paths": ("nnUNet_raw",)}
)

_ENDING = ".nii.gz"


def split_4d_nifti(filename: str, output_folder: str) -> None:
    """Write `<base>_0000.nii.gz`, ... to a folder: one file for a 3D image, one for each volume of a 4D image."""
    import SimpleITK as sitk

    from nnunetv2.imageio.volume_size import check_volume_size
    from nnunetv2.imageio.whole_files import write_whole

    try:
        check_volume_size(filename)
        image = sitk.ReadImage(filename)
    except ImageProblemError:
        raise
    except RuntimeError as error:
        raise ImageProblemError(f"{filename}: cannot be read ({str(error).strip().splitlines()[-1]})") from None
    base = Path(filename).name[: -len(_ENDING)]
    if image.GetDimension() == 3:
        shutil.copy(filename, Path(output_folder) / f"{base}_0000{_ENDING}")
        return
    if image.GetDimension() != 4:
        raise UnfitImageError(f"{filename}: {image.GetDimension()} dimensions, expected 3 or 4")
    direction = [image.GetDirection()[4 * row + column] for row in range(3) for column in range(3)]
    for number, volume in enumerate(sitk.GetArrayFromImage(image)):
        part = sitk.GetImageFromArray(volume)
        part.SetSpacing(image.GetSpacing()[:3])
        part.SetOrigin(image.GetOrigin()[:3])
        part.SetDirection(direction)
        write_whole(part, Path(output_folder) / f"{base}_{number:04d}{_ENDING}")


def convert_msd_dataset(
    source_folder: str, overwrite_target_id: int | None = None, num_processes: int = default_num_processes
) -> None:
    """Convert `TaskNN_Name` to `nnUNet_raw/Dataset0NN_Name`.

    Parameters:
        overwrite_target_id: id of the new dataset; None for that of the task.
        num_processes: workers; 0 works in this process.

    Raises DatasetLayoutError if the folder is not an MSD task, lacks listed files, or the id is taken.
    """
    source = Path(source_folder.rstrip("/\\"))
    target_name = _target_name(source, overwrite_target_id)
    old = read_json(source / "dataset.json", OLD_DATASET, DatasetLayoutError)
    dataset_json = converted_dataset_json(old, str(source / "dataset.json"))
    refuse_missing_files(old, source)
    with new_raw_dataset(target_name) as target:
        for name in ("imagesTr", "imagesTs", "labelsTr"):
            (target / name).mkdir()
        tasks = [
            (file.name, (str(file), str(target / folder)))
            for folder in ("imagesTr", "imagesTs")
            for file in _images(source / folder)
        ]
        run_cases(split_4d_nifti, tasks, num_processes, "convert images")
        for file in _images(source / "labelsTr"):
            shutil.copy(file, target / "labelsTr")
        write_json(dataset_json, target / "dataset.json")


def _images(folder: Path) -> list[Path]:
    """Return the images of a folder, without hidden files and, as in nnU-Net, names that start with `_`."""
    return [folder / name for name in files_in_folder(folder, _ENDING) if not name.startswith("_")]


def _target_name(source: Path, target_id: int | None) -> str:
    absent = [name for name in ("imagesTr", "imagesTs", "labelsTr") if not (source / name).is_dir()]
    absent += [] if (source / "dataset.json").is_file() else ["dataset.json"]
    if absent:
        raise DatasetLayoutError(f"{source}: {', '.join(absent)} missing, expected a task of the decathlon")
    task, separator, name = source.name.partition("_")
    if not separator or "_" in name or not task.startswith("Task") or not task[4:].isdigit():
        raise DatasetLayoutError(
            f"{source}: folder name {source.name!r}, expected Task<number>_<Name> with one underscore"
        )
    target_id = int(task[4:]) if target_id is None else target_id
    if target_id < 0:
        raise DatasetLayoutError(f"id {target_id}: expected 0 or more")
    taken = find_candidate_datasets(target_id)
    if len(taken):
        raise DatasetLayoutError(
            f"id {target_id} is taken by {', '.join(map(str, taken))}; choose another with -overwrite_id"
        )
    return f"Dataset{target_id:03d}_{name}"


def convert_as_asked(arguments: Namespace) -> None:
    """Convert as the arguments of `nnUNetv2_convert_MSD_dataset` ask."""
    convert_msd_dataset(arguments.i, arguments.overwrite_id, arguments.np)
