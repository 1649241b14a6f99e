"""`make demo-slide`: from annotated slides to objects for QuPath, with the commands that a user types.

Makes slides in `.demo/slides/`, two with masks of their tissue, one to predict. Cuts the first two into tiles, plans,
trains a small network, predicts the third, and compares labels and outlines with the truth. The training is short: the
scores tell that everything works, not how good the method is.
"""

import gzip
import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sample_data import demo
from sample_data.demo import CONFIGURATION, add_demo_configuration, device, run
from sample_data.domains import EXAMPLE_DOMAINS
from sample_data.layout import STROMA, TUMOR
from sample_data.pyramids import PyramidSettings, SyntheticSlide, write_pyramid

DATASET, TRAINER = "Dataset111_SyntheticSlides", "nnUNetTrainerDemo"
CLASSES = {"Tumor": TUMOR, "Stroma": STROMA}
LEAST_DICE = 0.6
"""Of each class on the unseen slide."""
LARGEST_DIFFERENCE = 0.1
"""Between the area of the outlines of a class and that of its pixels: outlines are smoothed, specks are left out."""
_MPP, _EDGE = 0.5, 512
_TILE, _MOST_TILES = 256, 16

Labels = NDArray[np.uint8]


def write_slides(folder: Path) -> SyntheticSlide:
    """Write two slides of different laboratories with masks to `annotated`, and one to `new`; return the latter."""
    for number, domain in enumerate(EXAMPLE_DOMAINS[:2]):
        slide = write_pyramid(
            _made(folder / "annotated") / f"{domain.name}_1.tif", _settings(1536, 1024, number, domain)
        )
        write_mask(folder / "annotated" / f"{domain.name}_1_mask.tif", slide)
    return write_pyramid(_made(folder / "new") / "unseen.tif", _settings(1536, 1024, 7, EXAMPLE_DOMAINS[0]))


def write_mask(path: Path, slide: SyntheticSlide) -> None:
    """Write the true labels of a slide as a TIFF of one channel."""
    import tifffile

    tifffile.imwrite(path, truth(slide), tile=(256, 256), compression="zlib", photometric="minisblack")


def truth(slide: SyntheticSlide) -> Labels:
    """Return the true labels (height, width) of a slide."""
    return slide.labels(0, 0, slide.settings.width, slide.settings.height)


def dice(predicted: Labels, true: Labels) -> dict[str, float]:
    """Return the Dice of each class."""
    return {
        name: 2
        * float(((predicted == value) & (true == value)).sum())
        / max(1, int((predicted == value).sum() + (true == value).sum()))
        for name, value in CLASSES.items()
    }


def outline_areas(file: Path) -> dict[str, float]:
    """Return the area of the outlines of each class in pixels; an invalid outline ends the program."""
    import shapely

    with gzip.open(file, "rt", encoding="utf-8") as stream:
        features = json.load(stream)["features"]
    areas = dict.fromkeys(CLASSES, 0.0)
    for feature in features:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        if not shape.is_valid:
            sys.exit(f"error: {file} has an outline that QuPath would refuse")
        areas[feature["properties"]["classification"]["name"]] += shape.area
    return areas


def check_result(folder: Path, true: Labels) -> None:
    """Print how the outputs of the unseen slide agree with the truth; exit with code 1 if they do not."""
    import tifffile

    predicted = tifffile.imread(folder / "labels.ome.tif")
    scores, areas = dice(predicted, true), outline_areas(folder / "objects.geojson.gz")
    pixels = {name: int((predicted == value).sum()) for name, value in CLASSES.items()}
    for name in CLASSES:
        print(f"{name}: Dice {scores[name]:.3f}; outlines {areas[name]:.0f} px, labels {pixels[name]} px")
    check_scores(scores)
    check_areas(areas, pixels)


def check_scores(scores: Mapping[str, float]) -> None:
    """Exit with code 1 if a class has too low a Dice."""
    low = {name: round(score, 3) for name, score in scores.items() if not score >= LEAST_DICE}
    if low:
        sys.exit(f"error: Dice below {LEAST_DICE} on the unseen slide: {low}")


def check_areas(areas: Mapping[str, float], pixels: Mapping[str, int]) -> None:
    """Exit with code 1 if the outlines of a class enclose another area than its pixels."""
    for name, area in areas.items():
        if not pixels[name] or abs(area / pixels[name] - 1) > LARGEST_DIFFERENCE:
            sys.exit(f"error: the outlines of {name} enclose {area:.0f} px, the labels {pixels[name]}")


def work() -> None:
    """Run all steps and print the paths of the results."""
    slides, output = demo.WORK / "slides", demo.WORK / "slide_predictions"
    unseen = write_slides(slides)
    labels = ("--labels", "background=0", *(f"{name}={value}" for name, value in CLASSES.items()))
    tiles = ("--mpp", str(_MPP), "--tile", str(_TILE), "--max_tiles", str(_MOST_TILES))
    domains = ("--domain_from", "pattern:^(?P<domain>.+)_")
    named = ("-d", "111", "-n", DATASET.partition("_")[2])
    run("drift", "slide", "info", slides / "annotated")
    run("drift", "slide", "tile", "-i", slides / "annotated", *named, *tiles, *labels, *domains)
    run("nnUNetv2_plan_and_preprocess", "-d", "111", "-c", "2d", "--verify_dataset_integrity")
    add_demo_configuration(demo.WORK / "nnUNet_preprocessed" / DATASET / "nnUNetPlans.json")
    on_device = ("-device", device())
    run("nnUNetv2_train", "111", CONFIGURATION, "all", "-tr", TRAINER, *on_device)
    model = ("-d", "111", "-c", CONFIGURATION, "-tr", TRAINER, "-f", "all")
    run("drift", "slide", "predict", "-i", slides / "new", "-o", output, *model, *on_device)
    check_result(output / "unseen", truth(unseen))
    raw = demo.WORK / "nnUNet_raw" / DATASET
    print(
        f"\nOpen in a browser:\n  the tiles: {raw / 'tiling_report.html'}\n  the prediction: {output / 'report.html'}"
    )
    print(
        f"Open {slides / 'new' / 'unseen.tif'} in QuPath and drag {output / 'unseen' / 'objects.geojson.gz'} onto it."
    )


def main() -> None:
    """Run the demo in `.demo/`, beside what `make demo` left there."""
    started = time.monotonic()
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        shutil.rmtree(_made(demo.WORK / name) / DATASET, ignore_errors=True)
    for name in ("slides", "slide_predictions"):
        shutil.rmtree(demo.WORK / name, ignore_errors=True)
    work()
    print(f"Finished after {(time.monotonic() - started) / 60:.1f} minutes.")


def _settings(width: int, height: int, seed: int, domain: Any) -> PyramidSettings:
    return PyramidSettings(
        width, height, _MPP, textures=8, drawn_px=_EDGE // 2, block_px=_EDGE, glass_share=0.25, seed=seed, domain=domain
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
