"""The same network on the same slide: `drift slide predict` beside TIAToolbox's SemanticSegmentor.

    python -m venv TIA && TIA/bin/pip install tiatoolbox          # an environment of its own; no part of DRIFT
    python benchmarks/slides_beside_tiatoolbox.py --python TIA/bin/python [--side 2048] [--steps 0]

Tiles of 256 pixels at half overlap, normalised with the same values, one thread, one tile at once, no reader
processes. Prints CPU seconds and peak memory of a process of its own for each, from opening the slide to labels on
disk and without imports; what the network alone takes of that time, as both have their own version of torch; and, after
a second prediction of the slide without its first 64 rows and columns, the share of pixels whose label depends on where
tiles lie, near the borders of tiles (8 pixels) and elsewhere. The slides are synthetic; the network is trained for some
minutes on another one (`--steps 0`: not at all, so that its labels change at the least difference). The labels of both
are also compared with what is drawn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.inference import ONE_THREAD, make_model
from benchmarks.slides import FEATURES, NEAR_PX, PATCH, predictor_of, show
from sample_data.pyramids import PyramidSettings, SyntheticSlide
from tests.differential.oracle import run_ours

SHIFT, CLASSES, MPP = PATCH // 4, 3, 0.5
TRAINING_PX, BATCH = 4096, 2
MEAN, STD = (180.0, 140.0, 170.0), (50.0, 55.0, 45.0)
MEASURING = """
    import json, sys, threading, time
    import numpy as np, psutil, torch

    torch.set_num_threads(1)
    MEAN, STD = json.loads(sys.argv[4])

    def measured(work):
        process, peak, done = psutil.Process(), [0], threading.Event()
        def watch():
            while not done.is_set():
                peak[0] = max(peak[0], process.memory_info().rss)
                time.sleep(0.005)
        idle, start = process.memory_info().rss, time.process_time()
        threading.Thread(target=watch, daemon=True).start()
        result = work()
        seconds = time.process_time() - start
        done.set()
        return seconds, (peak[0] - idle) / 2**20, result

    def alone(network, tiles, patch):
        tile = torch.randn(1, 3, patch, patch)
        with torch.inference_mode():
            network(tile)
            start = time.process_time()
            for _ in range(tiles):
                network(tile)
        return time.process_time() - start
"""
OURS = """
    from pathlib import Path
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.pathology import SlidePredictor, SlideSettings

    model, slide, out, shifted = sys.argv[1:4] + sys.argv[5:]
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False)
    predictor.initialize_from_trained_model_folder(model, [0])
    values = "/".join(",".join(map(str, entry)) for entry in (MEAN, STD))
    settings = SlideSettings(mpp=0.5, tissue="none", normalization=f"values:{values}", save=("labels",))
    job = SlidePredictor(predictor, settings)
    seconds, peak, result = measured(lambda: job.predict(slide, Path(out)))
    tiles = result.state["tiles"]["gated"]
    job.predict(shifted, Path(out + "_shifted"))
    print(json.dumps([seconds, peak, alone(predictor.network, tiles, 256), tiles]))
"""
THEIRS = """
    import warnings
    warnings.filterwarnings("ignore")
    from tiatoolbox.models.engine.io_config import IOSegmentorConfig
    from tiatoolbox.models.engine.semantic_segmentor import SemanticSegmentor
    from tiatoolbox.models.models_abc import ModelABC
    import zarr

    network, slide, out, shifted = sys.argv[1:4] + sys.argv[5:]

    class Network(ModelABC):
        def __init__(self):
            super().__init__()
            self.network = torch.jit.load(network).eval()
            self.tiles = 0

        def forward(self, tiles):
            return self.network(tiles)

        @staticmethod
        def infer_batch(model, batch, *, device):
            model.tiles += len(batch)
            mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
            tiles = (batch.permute(0, 3, 1, 2).float() - mean) / std
            with torch.inference_mode():
                return model(tiles).softmax(1).permute(0, 2, 3, 1).numpy()

        @staticmethod
        def postproc(probabilities):
            return probabilities.argmax(axis=-1)

    model = Network()
    resolution = {"units": "baseline", "resolution": 1.0}
    config = IOSegmentorConfig(
        input_resolutions=[resolution], output_resolutions=[resolution], save_resolution=resolution,
        patch_input_shape=(256, 256), patch_output_shape=(256, 256), stride_shape=(128, 128))
    engine = SemanticSegmentor(model, batch_size=1, num_workers=0, device="cpu", verbose=False)

    def predict(file, folder):
        return engine.run([file], patch_mode=False, ioconfig=config, save_dir=folder, output_type="zarr",
                          auto_get_mask=False, overwrite=True)

    def keep(result, file):
        place = next(iter(result.values())) if isinstance(result, dict) else result
        np.save(file, np.asarray(zarr.open(str(place), mode="r")["predictions"][:]).astype(np.uint8))

    seconds, peak, result = measured(lambda: predict(slide, out))
    keep(result, out + ".npy")
    tiles = model.tiles
    keep(predict(shifted, out + "_shifted"), out + "_shifted.npy")
    print(json.dumps([seconds, peak, alone(model.network, tiles, 256), tiles]))
"""


def train(model: Path, steps: int) -> None:
    """Train the network of a model to tell the classes of a synthetic slide of another seed."""
    network = predictor_of(model).network.train()
    slide = SyntheticSlide(
        PyramidSettings(TRAINING_PX, TRAINING_PX, block_px=1024, textures=8, glass_share=0.1, seed=1)
    )
    optimizer, random = torch.optim.Adam(network.parameters(), 1e-3), np.random.default_rng(0)
    for _ in range(steps):
        corners = random.integers(0, TRAINING_PX - PATCH, (BATCH, 2))
        windows = [(int(x), int(y), PATCH, PATCH) for x, y in corners]
        tiles = (np.stack([slide.pixels(*window) for window in windows]) - np.array(MEAN)) / np.array(STD)
        labels = torch.from_numpy(np.stack([slide.labels(*window) for window in windows]).astype(np.int64))
        loss = torch.nn.functional.cross_entropy(network(torch.from_numpy(tiles).permute(0, 3, 1, 2).float()), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    file = model / "fold_0" / "checkpoint_final.pth"
    torch.save({**torch.load(file, weights_only=True), "network_weights": network.state_dict()}, file)


def save_network(model: Path, target: Path) -> None:
    """Save the network of a model in the form that any version of torch loads without its class."""
    network = predictor_of(model).network.eval()
    with torch.no_grad():
        torch.jit.trace(network, torch.randn(1, 3, PATCH, PATCH)).save(str(target))


def run_theirs(python: str, *arguments: object) -> str:
    """Return what the other program prints, in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "beside.py"
        file.write_text(textwrap.dedent(MEASURING) + textwrap.dedent(THEIRS))
        command = [python, str(file), *map(str, arguments)]
        finished = subprocess.run(command, capture_output=True, text=True, env={**ONE_THREAD, "HOME": folder})
    if finished.returncode:
        raise SystemExit(finished.stderr)
    return finished.stdout


def write_slides(root: Path, slide: SyntheticSlide) -> tuple[Path, Path]:
    """Write a slide, and the same without its first rows and columns."""
    pixels = slide.pixels(0, 0, slide.settings.width, slide.settings.height)
    files = root / "slide.tif", root / "shifted.tif"
    for file, shown in zip(files, (pixels, pixels[SHIFT:, SHIFT:]), strict=True):
        pixels_per_cm = 1e4 / MPP
        options: dict[str, Any] = {"resolution": (pixels_per_cm, pixels_per_cm), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(file, shown, tile=(256, 256), photometric="rgb", compression="zlib", **options)
    return files


def show_dependence(name: str, labels: Any, shifted: Any) -> None:
    """Print the share of pixels whose label depends on where tiles lie."""
    size = min(len(labels) - SHIFT, len(shifted))
    differs = labels[SHIFT : SHIFT + size, SHIFT : SHIFT + size] != shifted[:size, :size]
    place = np.arange(size) % SHIFT  # half a step: borders of both predictions
    near = (place < NEAR_PX) | (place >= SHIFT - NEAR_PX)
    beside = near[:, None] | near[None, :]
    show(
        f"{name}: labels that depend on where tiles lie, within {NEAR_PX} px of a border",
        100 * differs[beside].mean(),
        "%",
    )
    show(f"{name}: elsewhere", 100 * differs[~beside].mean(), "%")


def main() -> None:
    """Measure both and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="of the environment that has tiatoolbox")
    parser.add_argument("--side", type=int, default=1536, help="of the slide, in pixels, a multiple of 128")
    parser.add_argument("--steps", type=int, default=200, help="of training; 0: the network as it was drawn")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        drawn = SyntheticSlide(PyramidSettings(arguments.side, arguments.side, block_px=1024, glass_share=0.0))
        model, (slide, shifted) = make_model(root / "model", CLASSES, PATCH, FEATURES), write_slides(root, drawn)
        train(model, arguments.steps)
        save_network(model, root / "network.pt")
        values = json.dumps([MEAN, STD])
        ours = run_ours(MEASURING + OURS, model, slide, root / "ours", values, shifted, env=ONE_THREAD)
        theirs = run_theirs(arguments.python, root / "network.pt", slide, root / "theirs", values, shifted)
        mine = [tifffile.imread(root / f"{name}/labels.ome.tif", key=0) for name in ("ours", "ours_shifted")]
        other = [np.load(root / f"{name}.npy") for name in ("theirs", "theirs_shifted")]
        for name, output, labels in (("ours", ours, mine), ("TIAToolbox", theirs, other)):
            seconds, peak, alone, tiles = json.loads(output.splitlines()[-1])
            show(f"{name}: CPU time, {tiles} tiles", seconds, "s")
            show(f"{name}: the network alone on these tiles over that", alone / seconds, "")
            show(f"{name}: peak memory above that of the process before", peak, "MiB")
            show_dependence(name, *map(np.asarray, labels))
            truth = drawn.labels(0, 0, arguments.side, arguments.side)
            show(f"{name}: labels as drawn", 100 * (labels[0][: len(truth), : len(truth)] == truth).mean(), "%")


if __name__ == "__main__":
    main()
