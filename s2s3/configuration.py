"""Constants, and process counts set by the environment, which is read once, at import."""

import os

from nnunetv2.errors import SettingsError


def get_allowed_n_proc_DA() -> int:
    """Return the number of augmentation processes: `nnUNet_n_proc_DA` or 12, at most one per CPU; 0 = this process."""
    wanted = os.environ.get("nnUNet_n_proc_DA", "12")
    if not wanted.strip().isdigit():
        raise SettingsError(f"nnUNet_n_proc_DA is {wanted!r}, expected a whole number of processes, 0 or more")
    return min(int(wanted), os.cpu_count() or 1)


default_num_processes = int(os.environ.get("nnUNet_def_n_proc", "8"))
ANISO_THRESHOLD = 3
default_n_proc_DA = get_allowed_n_proc_DA()
