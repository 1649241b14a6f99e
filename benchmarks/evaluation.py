"""Compare nnUNetv2_evaluate_folder with stock nnU-Net 2.8.1: CPU and wall seconds for many label images.

    python benchmarks/evaluation.py [--images 500] [--side 2048] [--rounds 3] [--processes 2]

Both run in turns, as whole processes, on the same files; the summary files must be equal. Prints each round, then the
median of the ratios.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parts.whole_processes import Usage, measure
from s1.files import write_json
from tests.factories.plans import make_dataset_json, make_plans

COARSE = 8
STOCK = "nnunetv2.evaluation.evaluate_predictions:evaluate_folder_entry_point"
OURS = "nnunetv2.evaluation.evaluate_command:evaluate_folder_entry_point"


def write_images(root: Path, count: int, side: int) -> None:
    """Write smooth label images of four classes, and the same ones shifted by some pixels as predictions."""
    for folder in ("reference", "prediction"):
        (root / folder).mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        fields = [gaussian_filter(rng.normal(size=(side // COARSE,) * 2), 4) for _ in range(4)]
        labels = np.kron(np.argmax(fields, axis=0), np.ones((COARSE, COARSE))).astype(np.uint8)
        Image.fromarray(labels).save(root / "reference" / f"case{number:03}.png")
        Image.fromarray(np.roll(labels, (5, -9), (0, 1))).save(root / "prediction" / f"case{number:03}.png")
    write_json(make_dataset_json(".png", 3, {"background": 0, "a": 1, "b": 2, "c": 3}), root / "dataset.json")
    write_json(make_plans([512, 512], [1.0, 1.0], ".png", 3), root / "plans.json")


def evaluate(entry_point: str, root: Path, name: str, processes: int) -> Usage:
    """Evaluate; the summary is written to `name`.json."""
    files = ["-djfile", root / "dataset.json", "-pfile", root / "plans.json", "-o", root / f"{name}.json"]
    arguments = [root / "reference", root / "prediction", *files, "-np", processes]
    return measure(entry_point, arguments, root, name == "stock", threads=1)


def main() -> None:
    """Measure and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, default in (("--images", 500), ("--side", 2048), ("--rounds", 3), ("--processes", 2)):
        parser.add_argument(flag, type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, ratios = Path(folder), []
        write_images(root, arguments.images, arguments.side)
        for number in range(arguments.rounds):
            pair = [evaluate(way, root, name, arguments.processes) for way, name in ((STOCK, "stock"), (OURS, "ours"))]
            assert (root / "stock.json").read_text() == (root / "ours.json").read_text(), "the summaries differ"
            ratios.append([stock / ours for stock, ours in zip(*map(astuple, pair), strict=True)])
            print(f"round {number + 1}: stock {pair[0]}; ours {pair[1]}", flush=True)
        cpu, wall, _ = (statistics.median(values) for values in zip(*ratios, strict=True))
        print(f"{arguments.images} images of {arguments.side} x {arguments.side}: ours is faster by")
        print(f"  CPU time x {cpu:.2f}, wall time x {wall:.2f} (medians); summaries equal")


if __name__ == "__main__":
    main()
