"""How often progress bars are drawn."""

import sys

_ON_A_TERMINAL_S = 0.1
_IN_A_FILE_S = 10.0


def redraw_interval_s() -> float:
    """Return the seconds between two states of a progress bar: long in a log file, which they would otherwise fill."""
    return _ON_A_TERMINAL_S if sys.stderr.isatty() else _IN_A_FILE_S
