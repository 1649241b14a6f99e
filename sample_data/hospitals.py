"""`python -m sample_data.hospitals FOLDER`: what two hospitals might send, as folders of images and masks.

    FOLDER/north/images/001.png   FOLDER/north/masks/001.png   ...
    FOLDER/south/images/001.png   FOLDER/south/masks/001.png   ...
    FOLDER-new/images/north_new_1_0000.png   FOLDER-new/masks/north_new_1.png   ...

The second folder, beside the first, has images of other slides to test a model with, named as `nnUNetv2_predict` reads
them.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sample_data.dataset import DatasetSettings, draw_case, plan_cases
from sample_data.domains import EXAMPLE_DOMAINS

HOSPITALS = ("north", "south")
_AS_MASK = np.array([0, 128, 255], np.uint8)
"""Labels as programs export them that draw masks to be looked at."""


def write_hospitals(folder: Path, cases: int = 8, new_cases: int = 2, size_px: int = 256) -> None:
    """Write the folders.

    Parameters:
        cases: images of each hospital to train with.
        new_cases: images of each to test with.
        size_px: height and width of an image.

    Raises FileExistsError if one of the folders exists.
    """
    domains = [replace(domain, name=name) for domain, name in zip(EXAMPLE_DOMAINS, HOSPITALS, strict=False)]
    settings = DatasetSettings(cases, new_cases, size_px, domains=domains)
    new = folder.with_name(f"{folder.name}-new")
    for place in (folder, new):
        place.mkdir(parents=True)
    for case in plan_cases(settings):
        image, labels = draw_case(case, settings)
        hospital, _, number = case.name.rpartition("_")
        if case.is_held_out:
            name = f"{hospital}_new_{int(number) - cases}"
            _write(image, new / "images" / f"{name}_0000.png")
            _write(labels, new / "masks" / f"{name}.png")
        else:
            _write(image, folder / hospital / "images" / f"{number}.png")
            _write(_AS_MASK[labels], folder / hospital / "masks" / f"{number}.png")


def _write(pixels: NDArray[np.uint8], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def main(argv: list[str] | None = None) -> None:
    """Run the command; an existing folder is one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_data.hospitals", description="Make images of two hospitals."
    )
    parser.add_argument("folder", type=Path, help="folder to write")
    parser.add_argument("--cases", type=int, default=8, help="images of each hospital (default: 8)")
    arguments = parser.parse_args(argv)
    try:
        write_hospitals(arguments.folder, arguments.cases)
    except FileExistsError as error:
        parser.error(f"{error.filename} already exists; remove it or choose another folder")


if __name__ == "__main__":
    main()
