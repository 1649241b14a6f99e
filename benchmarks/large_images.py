"""Peak memory of predicting one large RGB picture, beside stock nnU-Net 2.8.1 where that fits.

    python benchmarks/large_images.py [--sizes 4096x4096 8192x8192 16384x16384 32768x16384] [--stock_up_to 8192x8192]
        [--format tif] [--probabilities]

Sizes are height x width. Prints a line per size: input (8-bit pixels), label image, and the peak of each process above
what it had when the model was loaded. Three classes, a tiny network, one process, tiles that do not overlap. TIFF files
are in compressed tiles of 512 x 512. PNG files beyond 178,956,970 pixels are refused by nnU-Net's reader.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.inference import make_model

ORACLE = Path(__file__).resolve().parents[1] / ".oracle"
CLASSES = 3
PATCH = 512
PREDICT = """
import sys, time
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

model, images, out, *options = sys.argv[1:]
predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False, tile_step_size=1)
predictor.initialize_from_trained_model_folder(model, [0])
with torch.inference_mode():
    predictor.network(torch.zeros((1, 3, 512, 512)))
before, start = peak(), time.process_time()
predictor.predict_from_files_sequential(images, out, save_probabilities="probabilities" in options)
print(peak() - before, before, time.process_time() - start)
"""


def pieces(height: int, width: int) -> Iterator[np.ndarray]:
    """Yield 64 rows after the other, (64, W, 3): cells of random colours, with noise in an eighth of the columns."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 32, (64, width, 3), dtype=np.uint8)
    noise[:, width // 8 :] = 0
    for _ in range(0, height, 64):
        yield generator.integers(60, 200, (1, width // 64 + 1, 3), dtype=np.uint8).repeat(64, 1)[:, :width] + noise


def write_picture(file: Path, height: int, width: int) -> None:
    """Write an RGB PNG or TIFF row by row; sides are multiples of 64, of a TIFF of its tiles."""
    (write_tiff if file.suffix == ".tif" else write_png)(file, height, width)


def write_tiff(file: Path, height: int, width: int) -> None:
    """Write compressed tiles."""
    import tifffile

    def tiles() -> Iterator[np.ndarray]:
        rows = pieces(height, width)
        for _ in range(0, height, PATCH):
            band = np.concatenate(list(islice(rows, PATCH // 64)))
            yield from (band[:, left : left + PATCH] for left in range(0, width, PATCH))

    form = {"shape": (height, width, 3), "dtype": np.uint8, "tile": (PATCH, PATCH), "photometric": "rgb"}
    tifffile.imwrite(file, tiles(), **form, compression="zlib", compressionargs={"level": 1}, bigtiff=False)


def write_png(file: Path, height: int, width: int) -> None:
    """Write a PNG."""
    compressor = zlib.compressobj(1)
    with open(file, "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        write_chunk(stream, b"IHDR", size + bytes([8, 2, 0, 0, 0]))
        for rows in pieces(height, width):
            filtered = np.concatenate([np.zeros((64, 1), np.uint8), rows.reshape(64, -1)], axis=1)
            write_chunk(stream, b"IDAT", compressor.compress(filtered.tobytes()))
        write_chunk(stream, b"IDAT", compressor.flush())
        write_chunk(stream, b"IEND", b"")


def write_chunk(stream: BinaryIO, name: bytes, content: bytes) -> None:
    """Write one part of a PNG file."""
    stream.write(len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big"))


def measure(who: str, model: Path, images: Path, out: Path, options: list[str]) -> tuple[float, float, float]:
    """Return the growth of the peak and the memory before in MiB, and the CPU seconds, of a process of its own."""
    out.mkdir(exist_ok=True)
    paths = {"PYTHONPATH": str(ORACLE)} if who == "stock" else {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "nnUNet_compile": "f", **paths}
    command = [sys.executable, "-c", PREDICT, str(model), str(images), str(out), *options]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    growth, before, seconds = map(float, finished.stdout.split()[-3:])
    return growth, before, seconds


def shape_of(text: str) -> tuple[int, int]:
    """Read 4096x8192 as height and width."""
    height, width = map(int, text.split("x"))
    return height, width


def compare(root: Path, model: Path, size: tuple[int, int], ending: str, with_stock: bool, options: list[str]) -> None:
    """Measure one size and print its line."""
    height, width = size
    images = root / f"{height}x{width}"
    images.mkdir()
    write_picture(images / f"a_0000{ending}", height, width)
    ours = measure("ours", model, images, root / "ours", options)
    given = 4 * height * width / 2**20
    line = f"{height:6} x {width}: input and labels {given:5.0f} MiB, ours {ours[0]:6.0f} MiB ({ours[0] - given:+.0f})"
    if with_stock:
        stock = measure("stock", model, images, root / "stock", options)
        equal = same_pixels(root, ending)
        line += f", stock {stock[0]:7.0f} MiB, ratio {ours[0] / stock[0]:.2f}, labels {'equal' if equal else 'DIFFER'}"
        line += f"; CPU {ours[2]:.0f} s and {stock[2]:.0f} s"
    print(line, f"(process before: {ours[1]:.0f} MiB)", flush=True)


def same_pixels(root: Path, ending: str) -> bool:
    """Compare the label images of both packages."""
    from s1.shown_pixels import read_shown_labels

    ours, stock = (read_shown_labels(root / who / f"a{ending}").pixels for who in ("ours", "stock"))
    return np.array_equal(ours, stock)


def main() -> None:
    """Measure and print all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = ["4096x4096", "8192x8192", "16384x16384", "32768x16384"]
    parser.add_argument("--sizes", type=shape_of, nargs="+", default=list(map(shape_of, sizes)))
    parser.add_argument("--stock_up_to", type=shape_of, default=(8192, 8192), help="largest size for stock nnU-Net")
    parser.add_argument("--format", choices=["png", "tif"], default="png")
    parser.add_argument("--probabilities", action="store_true", help="save probabilities, too")
    arguments = parser.parse_args()
    ending = f".{arguments.format}"
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(Path(folder) / "model", CLASSES, PATCH, [2, 4], ending=ending)
        for number, size in enumerate(arguments.sizes):
            root = Path(folder) / str(number)
            root.mkdir()
            with_stock = size[0] * size[1] <= arguments.stock_up_to[0] * arguments.stock_up_to[1]
            compare(root, model, size, ending, with_stock, ["probabilities"] if arguments.probabilities else [])


if __name__ == "__main__":
    main()
