"""Peak memory of scoring one large label image and of drawing it over its picture, beside stock nnU-Net 2.8.1.

    python benchmarks/large_labels.py [--sizes 8192x8192 16384x16384] [--format tif] [--stock_up_to 8192x8192]

Prints a line per size and task: the peak of each process above what it had before. RGB, three classes, one process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.large_images import ORACLE, shape_of, write_picture
from nnunetv2.imageio.natural_image_files import write_label_pixels

RUN = """
import sys, time
import nnunetv2.evaluation.evaluate_predictions as evaluation
from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO
from nnunetv2.utilities.overlay_plots import plot_overlay

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

task, image, reference, prediction, output = sys.argv[1:]
before, start = peak(), time.process_time()
if task == "score":
    found = evaluation.compute_metrics(reference, prediction, NaturalImage2DIO(), [1, 2])
    print([[found["metrics"][label][key] for key in ("TP", "FP", "FN", "TN")] for label in (1, 2)])
else:
    plot_overlay(image, reference, NaturalImage2DIO(), output)
    print("drawn")
print(peak() - before, time.process_time() - start)
"""


def measure(who: str, task: str, files: list[str]) -> tuple[str, float, float]:
    """Return what the task prints, the growth of the peak in MiB and the CPU seconds of a process of its own."""
    paths = {"PYTHONPATH": str(ORACLE)} if who == "stock" else {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **paths}
    command = [sys.executable, "-c", RUN, task, *files]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    said, figures = finished.stdout.strip().splitlines()[-2:]
    growth, seconds = map(float, figures.split())
    return said, growth, seconds


def write_labels(file: Path, height: int, width: int, seed: int) -> None:
    """Write cells of 64 x 64 pixels."""
    cells = np.random.default_rng(seed).integers(0, 3, (-(-height // 64), -(-width // 64)), dtype=np.uint8)
    write_label_pixels(cells.repeat(64, 0).repeat(64, 1)[:height, :width], str(file))


def main() -> None:
    """Measure and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=shape_of, nargs="+", default=[(8192, 8192), (16384, 16384)])
    parser.add_argument("--stock_up_to", type=shape_of, default=(8192, 8192), help="largest size for stock nnU-Net")
    parser.add_argument("--format", choices=["png", "tif"], default="tif")
    parser.add_argument("--tasks", nargs="+", choices=["score", "draw"], default=["score", "draw"])
    arguments = parser.parse_args()
    for height, width in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            names = ("image", "reference", "prediction")
            image, reference, prediction = (Path(folder) / f"{name}.{arguments.format}" for name in names)
            write_picture(image, height, width)
            write_labels(reference, height, width, 1)
            write_labels(prediction, height, width, 2)
            files = [str(image), str(reference), str(prediction), str(Path(folder) / "overlay.png")]
            with_stock = height * width <= arguments.stock_up_to[0] * arguments.stock_up_to[1]
            for task in arguments.tasks:
                said, growth, seconds = measure("ours", task, files)
                line = f"{height} x {width}, {task}: ours {growth:.0f} MiB, CPU {seconds:.0f} s"
                if with_stock:
                    of_stock, stock_growth, stock_seconds = measure("stock", task, files)
                    equal = "equal" if said == of_stock else "DIFFERENT"
                    line += f", stock {stock_growth:.0f} MiB, CPU {stock_seconds:.0f} s, output {equal}"
                print(line, flush=True)


if __name__ == "__main__":
    main()
