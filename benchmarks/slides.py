"""Measure prediction on whole slides: readers, pipeline over plain network, memory, tissue, outlines, pyramid, and
the way without it: cut the slide into PNG, predict them with stock nnU-Net 2.8.1, paste the labels.

    python benchmarks/slides.py [--parts readers pipeline memory tissue outlines pyramid pasted] [--side 2048]
                                [--memory_sides 4096 12288]

Prints one line per figure. Times are CPU seconds of one thread, so other load disturbs them little; memory is the peak
of a process of its own above what it used when the slide was opened. Slides are synthetic (sample_data/pyramids.py),
networks untrained. Seven minutes on an idle machine; the 100,000 x 80,000 pixels of the specification take an hour.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.inference import FOLDER, ONE_THREAD, make_model
from nnunetv2.foundation.freed_memory import keep_freed_memory
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.pathology import find_tissue, open_slide
from nnunetv2.pathology.annotations.stitching import outlines_of_image
from nnunetv2.pathology.prediction.slide_job import SlideJob
from nnunetv2.pathology.prediction.slide_model import SlideModel
from nnunetv2.pathology.prediction.slide_settings import SlideSettings
from nnunetv2.pathology.slides.geometry import Box
from nnunetv2.pathology.tissue.tissue_mask import TissueSettings, cleaned_mask, coloured_pixels
from sample_data.pyramids import PyramidSettings, write_pyramid
from tests.differential.oracle import run_oracle, run_ours
from tests.pathology.annotations.label_maps import discs

PATCH, CUT, NEAR_PX, PAIRS = 256, 512, 8, 5
FEATURES = [16, 32, 64, 128]
OF_MEMORY = """
    import sys, threading, time
    from pathlib import Path
    import psutil, torch
    from nnunetv2.foundation.freed_memory import keep_freed_memory
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.pathology.prediction.slide_job import SlideJob
    from nnunetv2.pathology.prediction.slide_model import SlideModel
    from nnunetv2.pathology.prediction.slide_settings import SlideSettings

    model, slide, out = sys.argv[1:]
    keep_freed_memory()  # as the command does
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False)
    predictor.initialize_from_trained_model_folder(model, [0])
    settings = SlideSettings(mpp=2.0, tissue="none", step_size=1.0, save=("labels",))
    job = SlideJob(SlideModel(predictor, "m", "1"), settings)
    process, peak, done = psutil.Process(), [0], threading.Event()
    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.005)
    idle = process.memory_info().rss
    threading.Thread(target=watch, daemon=True).start()
    job.run(slide, "s", Path(out))
    done.set()
    print((peak[0] - idle) / 2**20)
"""

OF_PYRAMID = """
    import sys, threading, time
    from pathlib import Path
    import numpy as np, psutil
    from nnunetv2.pathology.outputs.label_pyramid import PyramidDescription, write_label_pyramid
    from tests.pathology.annotations.label_maps import discs

    file, side = Path(sys.argv[1]), int(sys.argv[2])
    labels, reading = discs(2048, 300), 0.0
    def read(top, left, height, width):
        global reading
        start = time.process_time()
        rows, columns = np.arange(top, top + height) % 2048, np.arange(left, left + width) % 2048
        window = labels[np.ix_(rows, columns)]
        reading += time.process_time() - start
        return window
    description = PyramidDescription("s", {"background": 0, "a": 1, "b": 2, "c": 3}, "m", (0.5, 0.5))
    process, peak, done = psutil.Process(), [0], threading.Event()
    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.005)
    write_label_pyramid(read, 1024, 1024, np.uint8, description, file)  # which imports what it needs
    idle, start, reading = process.memory_info().rss, time.process_time(), 0.0
    threading.Thread(target=watch, daemon=True).start()
    write_label_pyramid(read, side, side, np.uint8, description, file)
    seconds = time.process_time() - start - reading
    done.set()
    print(seconds, (peak[0] - idle) / 2**20)
"""


def show(name: str, value: float, unit: str) -> None:
    """Print one figure."""
    print(f"{name:78} {value:10.3g} {unit}", flush=True)


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Return the CPU time of a piece of work in this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def readers(root: Path, side: int) -> None:
    """Tiles of 512 pixels, in random order, of a slide that no cache holds."""
    side = max(side, 8192)
    slide = write_slide(root, side)
    corners = np.random.default_rng(0).integers(0, side - 512, (60, 2)).tolist()
    for name in ("openslide", "tifffile"):
        with open_slide(slide, reader=name) as opened:
            seconds = cpu_seconds(lambda: [opened.read(0, Box(x, y, 512, 512)) for x, y in corners])
        show(f"{name}: 512 x 512 tiles of the finest level, random order", len(corners) / seconds, "tiles a CPU second")


def write_slide(root: Path, side: int) -> Path:
    """Write a slide that is tissue everywhere."""
    file = root / f"slide_{side}.tif"
    if not file.exists():
        write_pyramid(file, PyramidSettings(side, side, block_px=1024, glass_share=0.0))
    return file


def predictor_of(model: Path) -> nnUNetPredictor:
    """Return a loaded predictor on the CPU without mirroring."""
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False)
    predictor.initialize_from_trained_model_folder(str(model), [0])
    return predictor


def pipeline(root: Path, side: int) -> None:
    """Everything from file to labels on disk, over the network alone on as many tiles in memory; they take turns."""
    model = SlideModel(predictor_of(make_model(root / "model", 3, PATCH, FEATURES)), "m", "1")
    slide, settings = write_slide(root, side), SlideSettings(mpp=0.5, tissue="none", save=())
    job, tile, ratios, tiles = SlideJob(model, settings), torch.randn(1, 3, PATCH, PATCH), [], 0

    def from_file_to_labels(turn: int) -> None:
        nonlocal tiles
        tiles = job.run(str(slide), "s", root / f"pipeline_{turn}")["tiles"]["gated"]

    def network_alone() -> None:
        with torch.inference_mode():
            for _ in range(tiles):
                model.networks.predict(tile)

    for turn in range(PAIRS):
        whole = cpu_seconds(lambda turn=turn: from_file_to_labels(turn))  # type: ignore[misc]
        ratios.append(cpu_seconds(network_alone) / whole)
    name = f"{tiles} tiles of {PATCH}: plain network over pipeline, median of {PAIRS} pairs"
    show(name, statistics.median(ratios), f"of the throughput ({min(ratios):.3f} to {max(ratios):.3f})")


def memory(root: Path, sides: list[int]) -> None:
    """Peak memory for slides of different size; it should not grow."""
    model = make_model(root / "small_model", 3, 512, [4, 8])
    for side in sides:
        out = run_ours(OF_MEMORY, model, write_slide(root, side), root / f"memory_{side}", env=ONE_THREAD)
        show(f"peak memory, {side} x {side} pixels at a quarter of the resolution", float(out.split()[-1]), "MiB")


def tissue(root: Path, side: int) -> None:
    """Tissue of a slide."""
    with open_slide(write_slide(root, side)) as slide:
        seconds = cpu_seconds(lambda: find_tissue(slide))
        pixels = np.tile(slide.read(0, Box(0, 0, 600, 500))[0], (5, 5, 1))
    show("tissue", seconds / (side * side / 1e9), "CPU s a gigapixel")
    there = np.ones(pixels.shape[:2], bool)
    seconds = cpu_seconds(lambda: cleaned_mask(coloured_pixels(pixels, there).mask, (8.0, 8.0), TissueSettings()))
    show("tissue of 2500 x 3000 pixels of 8 micrometres", seconds, "CPU s")


def outlines() -> None:
    """Outlines of 1,000 objects."""
    labels = discs(2048, 1000)

    def read(top: int, left: int, height: int, width: int) -> Any:
        return labels[top : top + height, left : left + width]

    show(
        "outlines of 1,000 discs, 2048 x 2048", cpu_seconds(lambda: list(outlines_of_image(read, 2048, 2048))), "CPU s"
    )


def pyramid(root: Path) -> None:
    """A label pyramid of 16384 x 16384 pixels in a process of its own; without the time in which labels are read."""
    side = 16384
    seconds, peak = map(float, run_ours(OF_PYRAMID, root / "p.ome.tif", side, env=ONE_THREAD).split())
    show("label pyramid", seconds / (side * side / 1e9), "CPU s a gigapixel")
    show(f"label pyramid of {side} x {side}: peak memory above that of the process before", peak, "MiB")


def pasted(root: Path, side: int) -> None:
    """Ours, and pieces predicted by stock nnU-Net, against its prediction of the whole picture at once."""
    model = make_model(root / "model", 3, PATCH, FEATURES)
    with open_slide(write_slide(root, side)) as slide:
        pixels = slide.read(0, Box(0, 0, side, side))[0]
    pieces, whole = root / "pieces", root / "whole"
    for folder in (pieces, whole):
        folder.mkdir()
    Image.fromarray(pixels).save(whole / "s_0000.png")
    for top in range(0, side, CUT):
        for left in range(0, side, CUT):
            Image.fromarray(pixels[top : top + CUT, left : left + CUT]).save(pieces / f"t_{top}_{left}_0000.png")
    figures = {}
    for name, folder in (("whole picture", whole), ("cut into pieces", pieces)):
        (root / f"{folder.name}_out").mkdir()
        figures[name] = run_oracle(FOLDER, model, folder, root / f"{folder.name}_out", env=ONE_THREAD)
    expected = np.asarray(Image.open(root / "whole_out/s.png"))
    put = np.zeros_like(expected)
    for file in (root / "pieces_out").glob("t_*.png"):
        top, left = map(int, file.stem.split("_")[1:])
        put[top : top + CUT, left : left + CUT] = np.asarray(Image.open(file))
    settings = SlideSettings(mpp=0.5, tissue="none", normalization="image", save=("labels",))
    job = SlideJob(SlideModel(predictor_of(model), "m", "1"), settings)
    seconds = cpu_seconds(lambda: job.run(str(whole / "s_0000.png"), "s", root / "ours", 0.5))
    for name, output in figures.items():
        used, peak = map(float, output.split()[-2:])
        show(f"stock nnU-Net, {name}: CPU time", used, "s")
        show(f"stock nnU-Net, {name}: peak memory of its process", peak, "MiB")
    show("ours: CPU time", seconds, "s")
    for name, labels in (("ours", tifffile.imread(root / "ours/labels.ome.tif")), ("cut and pasted", put)):
        show_disagreement(name, np.asarray(labels) != expected)


def show_disagreement(name: str, differs: Any) -> None:
    """Print the share of labels that differ from those of the whole picture, near cuts and elsewhere."""
    near = np.zeros(len(differs), bool)
    for cut in range(CUT, len(differs), CUT):
        near[cut - NEAR_PX : cut + NEAR_PX] = True
    beside = near[:, None] | near[None, :]
    show(f"{name}: labels unlike those of the whole, within {NEAR_PX} px of a cut", 100 * differs[beside].mean(), "%")
    show(f"{name}: elsewhere", 100 * differs[~beside].mean(), "%")


def main() -> None:
    """Measure what is asked for."""
    parts = ("readers", "pipeline", "memory", "tissue", "outlines", "pyramid", "pasted")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    parser.add_argument("--side", type=int, default=2048, help="of the slides, in pixels")
    parser.add_argument("--memory_sides", type=int, nargs="+", default=[4096, 12288])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the command does
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        work: dict[str, Callable[[], None]] = {
            "readers": lambda: readers(root, arguments.side),
            "pipeline": lambda: pipeline(root, arguments.side),
            "memory": lambda: memory(root, arguments.memory_sides),
            "tissue": lambda: tissue(root, arguments.side),
            "outlines": outlines,
            "pyramid": lambda: pyramid(root),
            "pasted": lambda: pasted(root, arguments.side),
        }
        for part in arguments.parts:
            work[part]()


if __name__ == "__main__":
    main()
