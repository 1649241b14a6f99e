"""Compare prediction with stock nnU-Net 2.8.1: memory for one large image, CPU seconds for four small ones.

    python benchmarks/inference.py [--side 4096] [--classes 3 10]

Prints one line per figure: stock, ours, ratio. Memory is the peak above what the process used when the step began;
every figure comes from a separate process, with one thread.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.differential.oracle import run_oracle, run_ours
from tests.factories.models import write_model_folder
from tests.factories.plans import make_architecture, make_dataset_json, make_plans

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
STEP = """
    import sys, threading, time
    import numpy as np, psutil, torch
    from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    step, model, side, classes = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False, tile_step_size=1)
    predictor.initialize_from_trained_model_folder(model, [0])
    image = torch.randn((3, 1, side, side))
    source = side if step != "resample" else round(side * 0.95)
    logits = np.random.default_rng(0).normal(size=(classes, 1, source, source)).astype(np.float16)
    properties = {"spacing": [999, 1, 1] if step != "resample" else [999, 0.95, 0.95],
                  "shape_before_cropping": (1, side, side), "bbox_used_for_cropping": [[0, 1], [0, side], [0, side]],
                  "shape_after_cropping_and_before_resampling": (1, side, side)}
    managers = (predictor.plans_manager, predictor.configuration_manager, predictor.label_manager)

    def run():
        if step == "window":
            predictor.predict_sliding_window_return_logits(image)
        else:
            convert_predicted_logits_to_segmentation_with_correct_shape(
                logits, *managers, properties, return_probabilities=step == "probabilities", num_threads_torch=1)

    process, peak, done = psutil.Process(), [0], threading.Event()
    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.002)
    idle = process.memory_info().rss
    threading.Thread(target=watch, daemon=True).start()
    start = time.process_time()
    run()
    seconds = time.process_time() - start
    done.set()
    print(seconds, (peak[0] - idle) / 2**20)
"""
FOLDER = """
    import resource, sys, time
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    if __name__ == "__main__":
        model, images, out = sys.argv[1:]
        predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False, use_mirroring=False)
        predictor.initialize_from_trained_model_folder(model, [0])
        predictor.predict_from_files_sequential(images, out)
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(sum((own.ru_utime, own.ru_stime, children.ru_utime, children.ru_stime)), own.ru_maxrss / 1024)
"""


def measure(script: str, *arguments: object) -> list[tuple[float, float]]:
    """Return (seconds, MiB) of stock and ours."""
    outputs = [run(script, *arguments, env=ONE_THREAD) for run in (run_oracle, run_ours)]
    return [tuple(map(float, output.splitlines()[-1].split())) for output in outputs]


def show(name: str, stock: float, ours: float, unit: str) -> None:
    """Print one figure."""
    print(f"{name:58} stock {stock:9.1f} {unit:4} ours {ours:9.1f} {unit:4} ratio {ours / stock:5.2f}", flush=True)


def make_model(
    root: Path,
    classes: int,
    patch: int,
    features: list[int],
    mirroring_axes: tuple[int, ...] | None = None,
    ending: str = ".png",
) -> Path:
    """Write an untrained RGB model."""
    plans = make_plans([patch, patch], [1.0, 1.0], ending, 3, image_reader_writer="NaturalImage2DIO")
    arguments = make_architecture(2)["arch_kwargs"]
    stages = len(features)
    arguments.update(
        n_stages=stages, features_per_stage=features, kernel_sizes=[[3, 3]] * stages, n_conv_per_stage=[2] * stages,
        strides=[[1, 1], *[[2, 2]] * (stages - 1)], n_conv_per_stage_decoder=[2] * (stages - 1),
    )  # fmt: skip
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"] = arguments
    labels = {"background": 0, **{f"label{value}": value for value in range(1, classes)}}
    return write_model_folder(root, plans, make_dataset_json(ending, 3, labels), mirroring_axes=mirroring_axes)


def main() -> None:
    """Measure and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096, help="side of the large image in pixels")
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 10])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for classes in arguments.classes:
            model = make_model(root / f"model{classes}", classes, 512, [4, 8, 8])
            for step in ("window", "labels", "probabilities", "resample"):
                (stock_s, stock_mib), (ours_s, ours_mib) = measure(STEP, step, model, arguments.side, classes)
                name = f"{step}, {arguments.side} x {arguments.side}, {classes} classes"
                show(f"{name}: memory", stock_mib, ours_mib, "MiB")
                show(f"{name}: CPU time", stock_s, ours_s, "s")
        images = root / "images"
        images.mkdir()
        for number in range(4):
            picture = np.random.default_rng(number).integers(0, 256, (512, 512, 3), dtype=np.uint8)
            Image.fromarray(picture).save(images / f"case{number}_0000.png")
        model = make_model(root / "standard", 3, 512, [32, 64, 128, 256, 512, 512, 512])
        (root / "out").mkdir()
        (stock_s, stock_mib), (ours_s, ours_mib) = measure(FOLDER, model, images, root / "out")
        show("four 512 x 512 images, whole run: CPU time", stock_s, ours_s, "s")
        show("four 512 x 512 images, whole run: peak memory", stock_mib, ours_mib, "MiB")


if __name__ == "__main__":
    main()
