"""Compare nnUNetv2_predict on the CPU with stock nnU-Net 2.8.1: the stock 8-stage 2D network, RGB, mirroring on.

    python benchmarks/prediction_speed.py [--sides 4096 4096] [--rounds 1] [--threads 2]

Both run in turns, as whole processes with their default settings, on the same image; the label images must be equal.
Prints CPU and wall seconds and the peak memory of each round, then the medians of the ratios.
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


def predict(entry_point: str, root: Path, name: str, threads: int) -> Usage:
    """Predict into the folder `name`."""
    flags: list[object] = ["-i", root / "images", "-o", root / name, "-m", root / "model", "-f", 0, "-device", "cpu"]
    flags += ["-npp", 1, "-nps", 1, "--disable_progress_bar"]
    return measure(entry_point, flags, root, name == "stock", threads)


def main() -> None:
    """Measure and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs=2, default=[4096, 4096], help="multiples of 32")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, ratios = Path(folder), []
        make_model(root / "model", 3, 512, FEATURES, mirroring_axes=(0, 1))
        write_image(root / "images", arguments.sides)
        for number in range(arguments.rounds):
            pair = [predict(way, root, name, arguments.threads) for way, name in ((STOCK, "stock"), (OURS, "ours"))]
            labels = [np.asarray(Image.open(root / name / "case.png")) for name in ("stock", "ours")]
            assert len(np.unique(labels[0])) > 1, "an image of one label shows nothing"
            ratios.append([stock / ours for stock, ours in zip(*map(astuple, pair), strict=True)])
            unequal = np.count_nonzero(labels[0] != labels[1])
            print(f"round {number + 1}: stock {pair[0]}; ours {pair[1]}; {unequal} labels differ", flush=True)
        cpu, wall, memory = (statistics.median(values) for values in zip(*ratios, strict=True))
        print(f"stock over ours: CPU x {cpu:.2f}, wall x {wall:.2f}, memory x {memory:.2f} (medians)")


if __name__ == "__main__":
    main()
