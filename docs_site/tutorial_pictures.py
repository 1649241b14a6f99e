"""`make docs-pictures`: runs the tutorial and takes the pictures that it shows."""

import sys
import tempfile
from pathlib import Path

from docs_site.browser import take_picture
from docs_site.shell_blocks import ROOT, run_page

PICTURES = {
    "tutorial_start.png": "drift_start.html",
    "tutorial_prism.png": "nnUNet_raw/Dataset001_Hospitals/prism_dd.html",
    "tutorial_report.png": "report.html",
}
WIDTH_PX, HEIGHT_PX = 1000, 800


def take_pictures(folder: Path, target: Path) -> None:
    """Take the pictures of the pages that a run of the tutorial in `folder` wrote."""
    for name, page in PICTURES.items():
        take_picture(folder / page, target / name, WIDTH_PX, HEIGHT_PX)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(work)
        if len(sys.argv) == 1:
            run_page(ROOT / "docs" / "tutorial.md", place)
        take_pictures(place, ROOT / "docs" / "pictures")
