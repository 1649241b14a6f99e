"""Constants, and settings from the environment; numbers of processes are read once, at import."""

import logging
import sys
from functools import lru_cache
from types import TracebackType

from nnunetv2.errors import SettingsError
from s1.cpus import usable_cpus
from s1.environment import text_variable

STOCK_CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres", "3d_cascade_fullres")
"""Those that planning makes if the images call for them; commands that list them accept that some are not planned."""

_MOST_DIGITS = 4
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


@lru_cache(maxsize=16)  # warns once
def _is_true(wanted: str) -> bool:
    if wanted.lower() not in ("true", "1", "t", "false", "0", "f", ""):
        _log.warning("nnUNet_compile is %r, which counts as false; expected true, 1, t, false, 0 or f", wanted)
    return wanted.lower() in ("true", "1", "t")


def _report_in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a SettingsError as commands do, which import this module before they can catch it."""
    if not isinstance(error, SettingsError):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stderr.write(f"error: {error}\n")
    sys.exit(2)


try:
    default_num_processes = _number_of_processes("nnUNet_def_n_proc", 8)
    default_n_proc_DA = get_allowed_n_proc_DA()
except SettingsError:
    sys.excepthook = _report_in_one_line
    raise
ANISO_THRESHOLD = 3
