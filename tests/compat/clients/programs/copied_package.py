"""A copy of the installed package for programs that write into it; no program itself."""

import shutil
import sys
from pathlib import Path


def use_copied_package(folder: Path) -> Path:
    """Copy nnunetv2 below a folder and let later imports take the copy; return where it is."""
    import nnunetv2

    package = folder / "copied" / "nnunetv2"
    shutil.copytree(nnunetv2.__path__[0], package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "nnunetv2"]:
        del sys.modules[name]
    sys.path.insert(0, str(package.parent))
    return package
