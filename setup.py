"""Chooses the text of the version and names the packages; everything else about the distribution is in pyproject.toml.

It is `2.8.1+drift.0.1.0`, or with the environment variable DRIFT_PLAIN_VERSION=1 only `2.8.1`, for programs that
compare the installed version with that text (docs/compatibility.md, section Version).
"""

import os
import runpy
from pathlib import Path

from setuptools import find_packages, setup


def version() -> str:
    """Return the version as the environment asks for it."""
    versions = runpy.run_path(str(Path(__file__).with_name("s2s3") / "drift_version.py"))
    plain = os.environ.get("DRIFT_PLAIN_VERSION", "0")
    if plain not in ("0", "1", ""):
        raise SystemExit(f"DRIFT_PLAIN_VERSION={plain}: expected 1 for the version {versions['NNUNET']}, or 0")
    return versions["NNUNET"] if plain == "1" else f"{versions['NNUNET']}+drift.{versions['DRIFT']}"


def packages() -> list[str]:
    """Return `s1`, and all packages of the folder `s2s3` as they are imported."""
    return ["s1", "nnunetv2", *(f"nnunetv2.{name}" for name in find_packages("s2s3"))]


setup(version=version(), packages=packages())
