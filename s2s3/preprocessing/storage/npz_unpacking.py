"""Unpacking npz files to npy files, which can be memory-mapped."""

import os
from contextlib import suppress
from os.path import isfile, join
from pathlib import Path

import numpy as np

from nnunetv2.configuration import default_num_processes
from nnunetv2.errors import ArchiveError, DatasetError
from nnunetv2.foundation.files import replacing
from nnunetv2.foundation.safe_loading.safe_arrays import open_npy, read_npz
from nnunetv2.foundation.workers import run_cases

ATTEMPTS = 3


def unpack_dataset(
    folder: str,
    unpack_segmentation: bool = True,
    overwrite_existing: bool = False,
    num_processes: int = default_num_processes,
    verify: bool = False,
    verify_npy: bool | None = None,
) -> None:
    """Write <case>.npy and <case>_seg.npy for each <case>.npz of a folder; existing files are kept.

    Parameters:
        overwrite_existing: write existing files again.
        num_processes: 0 works in this process.
        verify: memory-map each file afterwards, and write it again if that fails.
        verify_npy: older name of `verify`.
    """
    verify = verify if verify_npy is None else verify_npy
    names = sorted(name for name in os.listdir(folder) if name.endswith(".npz") and not name.startswith("."))
    options = (unpack_segmentation, overwrite_existing, verify)
    tasks = [(name[:-4], (join(folder, name), *options)) for name in names]
    unfinished_before = _unfinished_files(folder)
    try:
        run_cases(_convert_to_npy, tasks, num_processes, "unpacking", show_progress=False)
    except BaseException:  # workers that are ended by Ctrl-C cannot tidy up
        for path in _unfinished_files(folder) - unfinished_before:
            path.unlink(missing_ok=True)
        raise


def _unfinished_files(folder: str) -> set[Path]:
    """Return the temporary files of `replacing`."""
    return set(Path(folder).glob(".*.partial*.npy"))


def _convert_to_npy(
    npz_file: str,
    unpack_segmentation: bool = True,
    overwrite_existing: bool = False,
    verify_npy: bool = False,
    fail_ctr: int = 0,
) -> None:
    """Unpack one file; `fail_ctr` is the number of attempts that verification has rejected so far."""
    targets = {"data": npz_file[:-3] + "npy"}
    if unpack_segmentation:
        targets["seg"] = npz_file[:-4] + "_seg.npy"
    missing = {key: path for key, path in targets.items() if overwrite_existing or not isfile(path)}
    if missing:
        _unpack(npz_file, missing)
    if not verify_npy or all(_can_be_mapped(path) for path in targets.values()):
        return
    if fail_ctr + 1 >= ATTEMPTS:
        raise DatasetError(f"{npz_file}: its npy files cannot be read back after {ATTEMPTS} attempts")
    for path in targets.values():
        Path(path).unlink(missing_ok=True)
    _convert_to_npy(npz_file, unpack_segmentation, overwrite_existing, verify_npy, fail_ctr + 1)


def _unpack(npz_file: str, targets: dict[str, str]) -> None:
    for key, path in targets.items():
        array = read_npz(npz_file, key, "a preprocessed case")
        with replacing(path) as temporary:
            np.save(temporary, array)


def _can_be_mapped(path: str) -> bool:
    with suppress(ArchiveError):
        open_npy(path)
        return True
    return False
