"""Constants, and settings from the environment; numbers of processes are read once, at import."""

import logging
from functools import lru_cache

from nnunetv2.errors import SettingsError
from s1.cpus import usable_cpus
from s1.environment import text_variable

STOCK_CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres")
"""Those that planning makes if the images call for them; commands that list them accept that some are not planned."""

_MOST_DIGITS = 4
_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f")
_TRUE_OR_FALSE = "true, 1, t, false, 0 or f"
_log = logging.getLogger(__name__)


def get_allowed_n_proc_DA() -> int:
    """Return the number of augmentation processes: `nnUNet_n_proc_DA` or 12, at most one per usable CPU; 0: none."""
    return min(_number_of_processes("nnUNet_n_proc_DA", 12), usable_cpus())


def _number_of_processes(variable: str, default: int) -> int:
    wanted = text_variable(variable, str(default))
    if not wanted.isdecimal() or len(wanted) > _MOST_DIGITS:
        raise SettingsError(f"{variable} is {wanted!r}, expected a whole number of processes, 0 or more")
    return int(wanted)


def compile_setting() -> bool | None:
    """Return whether `nnUNet_compile` asks for torch.compile: true, 1 or t in any case; None if it is unset."""
    wanted = text_variable("nnUNet_compile")
    return None if wanted is None else _is_true(wanted)


def skip_empty_setting() -> bool:
    """Return whether `nnUNet_skip_empty` asks to predict tiles of one constant value once only.

    Raises SettingsError for other values than true, 1, t, false, 0 and f.
    """
    wanted = text_variable("nnUNet_skip_empty", "f").lower()
    if wanted not in (*_TRUE, *_FALSE):
        raise SettingsError(f"nnUNet_skip_empty is {wanted!r}, expected {_TRUE_OR_FALSE}")
    return wanted in _TRUE


def cpu_precision_setting() -> str:
    """Return `nnUNet_cpu_precision`: fp32, bf16 or auto. Raises SettingsError for other values."""
    wanted = text_variable("nnUNet_cpu_precision", "fp32").lower()
    if wanted not in ("fp32", "bf16", "auto"):
        raise SettingsError(f"nnUNet_cpu_precision is {wanted!r}, expected fp32, bf16 or auto")
    return wanted


@lru_cache(maxsize=16)  # warns once
def _is_true(wanted: str) -> bool:
    if wanted.lower() not in (*_TRUE, *_FALSE, ""):
        _log.warning("nnUNet_compile is %r, which counts as false; expected %s", wanted, _TRUE_OR_FALSE)
    return wanted.lower() in _TRUE


def check_numbers_of_processes() -> None:
    """Raise SettingsError if a number of processes in the environment was not one when this module was imported.

    Commands and pools of workers ask before they start. An import never fails: a program that has no use for the
    numbers is left alone.
    """
    if _problem is not None:
        raise SettingsError(_problem)


default_num_processes, default_n_proc_DA = 8, 0
_problem: str | None = None
try:
    default_num_processes = _number_of_processes("nnUNet_def_n_proc", default_num_processes)
    default_n_proc_DA = get_allowed_n_proc_DA()
except SettingsError as _error:
    _problem = str(_error)
ANISO_THRESHOLD = 3
