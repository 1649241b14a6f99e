"""Compare nnUNetv2_predict on the CPU with stock nnU-Net 2.8.1: the stock 8-stage 2D network, RGB, mirroring on.

    python benchmarks/prediction_speed.py [--sides 4096 4096] [--rounds 1] [--threads 2] [--auto]

Both run in turns, as whole processes with their default settings, on the same image; it fails unless the label images
are equal. Prints CPU and wall seconds and the peak memory of each round, then the medians of the ratios. `--auto` also
measures ours with nnUNet_cpu_precision=auto, whose labels may differ: it prints the mean Dice.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import zoom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.inference import make_model
from benchmarks.parts.whole_processes import Usage, measure

FEATURES = [32, 64, 128, 256, 512, 512, 512, 512]
STOCK = "nnunetv2.inference.predict_from_raw_data:predict_entry_point_modelfolder"
OURS = "nnunetv2.inference.predict_command:predict_entry_point_modelfolder"


def write_image(folder: Path, sides: list[int]) -> None:
    """Write a smooth RGB image with some noise."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (*(side // 32 for side in sides), 3))
    smooth = zoom(coarse, (32, 32, 1), order=1) + rng.normal(0, 10, (*sides, 3))
    folder.mkdir()
    Image.fromarray(smooth.clip(0, 255).astype(np.uint8)).save(folder / "case_0000.png")


def predict(entry_point: str, root: Path, name: str, threads: int, **settings: str) -> Usage:
    """Predict into the folder `name`."""
    flags: list[object] = ["-i", root / "images", "-o", root / name, "-m", root / "model", "-f", 0, "-device", "cpu"]
    flags += ["-npp", 1, "-nps", 1, "--disable_progress_bar"]
    return measure(entry_point, flags, root, name == "stock", threads, **settings)


def labels_of(root: Path, name: str) -> np.ndarray:
    """Return the labels in the folder `name`."""
    return np.asarray(Image.open(root / name / "case.png"))


def compare_auto(root: Path, threads: int, stock: Usage) -> None:
    """Print what `auto` takes, in which precision, and how its labels agree with those of nnU-Net."""
    auto = predict(OURS, root, "auto", threads, nnUNet_cpu_precision="auto")
    first, second = labels_of(root, "stock"), labels_of(root, "auto")
    dice = [
        2 * np.count_nonzero((first == value) & (second == value)) / np.count_nonzero([first == value, second == value])
        for value in np.unique(first)
    ]
    print(f"  auto {auto}: wall x {stock.wall_s / auto.wall_s:.2f}, mean Dice {statistics.mean(dice):.5f}", flush=True)


def main() -> None:
    """Measure and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs=2, default=[4096, 4096], help="multiples of 32")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--auto", action="store_true", help="also with nnUNet_cpu_precision=auto")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, ratios = Path(folder), []
        make_model(root / "model", 3, 512, FEATURES, mirroring_axes=(0, 1))
        write_image(root / "images", arguments.sides)
        for number in range(arguments.rounds):
            pair = [predict(way, root, name, arguments.threads) for way, name in ((STOCK, "stock"), (OURS, "ours"))]
            labels = [labels_of(root, name) for name in ("stock", "ours")]
            assert len(np.unique(labels[0])) > 1, "an image of one label shows nothing"
            ratios.append([stock / ours for stock, ours in zip(*map(astuple, pair), strict=True)])
            unequal = np.count_nonzero(labels[0] != labels[1])
            print(f"round {number + 1}: stock {pair[0]}; ours {pair[1]}; {unequal} labels differ", flush=True)
            if unequal:
                raise SystemExit("the label images differ")
            if arguments.auto:
                compare_auto(root, arguments.threads, pair[0])
        cpu, wall, memory = (statistics.median(values) for values in zip(*ratios, strict=True))
        print(f"stock over ours: CPU x {cpu:.2f}, wall x {wall:.2f}, memory x {memory:.2f} (medians)")


if __name__ == "__main__":
    main()
