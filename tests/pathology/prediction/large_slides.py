"""The sizes of slides in tests of what must not depend on the size, which take minutes."""

import os

SCALE = float(os.environ.get("DRIFT_SLIDE_SCALE", "1"))
"""Of both edges; 0.2 is for a first look."""


def scaled(width: int, height: int) -> tuple[int, int]:
    """Return the width and height of a slide that is this large if nothing else is asked for."""
    return round(width * SCALE), round(height * SCALE)
