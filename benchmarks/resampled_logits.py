"""Peak memory and CPU time of turning logits into labels at another resolution, beside stock nnU-Net 2.8.1.

    python benchmarks/resampled_logits.py [--classes 3 10 100] [--before CHECKOUT]

A volume of 60 x 160 x 160 voxels becomes one of 70 x 256 x 256, a picture of 1024 x 1024 pixels one of 2048 x 2048.
Prints for each, and for each number of classes, the peak of a process above what it had with the logits, and its CPU
seconds. `--before` names another checkout of this project, which is measured too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from nnunetv2.foundation.files import write_json
from tests.factories.plans import make_dataset_json, make_plans

ROOT = Path(__file__).resolve().parents[1]
CASES = {
    "volume": ([1.0, 1.0, 1.0], (60, 160, 160), (70, 256, 256), (60 / 70, 160 / 256, 160 / 256)),
    "picture": ([1.0, 1.0], (1, 1024, 1024), (1, 2048, 2048), (999.0, 0.5, 0.5)),
}
"""Spacing of the plans, shape of the logits, shape and spacing of the image."""
CONVERT = """
import hashlib, json, sys, time
import numpy as np
import torch
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape as convert
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

case = json.load(open(sys.argv[1]))
plans = PlansManager(case["plans"])
configuration, labels = plans.get_configuration(case["configuration"]), plans.get_label_manager(case["dataset_json"])

def labels_of(logits, shape, spacing):
    box = [[0, length] for length in shape]
    properties = {"spacing": spacing, "shape_before_cropping": shape, "bbox_used_for_cropping": box}
    properties["shape_after_cropping_and_before_resampling"] = shape
    return convert(logits, plans, configuration, labels, properties, num_threads_torch=1)

generator = np.random.default_rng(0)
logits = np.empty((len(case["dataset_json"]["labels"]), *case["source"]), np.float16)
for plane in logits:
    plane[...] = generator.normal(scale=4, size=plane.shape[1:])
labels_of(logits[:, :, :8, :8], [1, 9, 9], case["spacing"])
open("/proc/self/clear_refs", "w").write("5")
before, start = peak(), time.process_time()
segmentation = labels_of(logits, case["target"], case["spacing"])
print(peak() - before, time.process_time() - start, hashlib.sha256(np.ascontiguousarray(segmentation)).hexdigest())
"""


def measure(path: Path | None, case: Path) -> tuple[float, float, str]:
    """Return peak in MiB, CPU seconds and a hash of the labels, with the package on a path (None: this checkout)."""
    paths = {} if path is None else {"PYTHONPATH": str(path)}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **paths}
    command = [sys.executable, "-c", CONVERT, str(case)]
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    peak, seconds, labels = finished.stdout.split()[-3:]
    return float(peak), float(seconds), labels


def compare(name: str, classes: int, folder: Path, others: dict[str, Path]) -> None:
    """Measure one case and print its line."""
    spacing, source, target, image_spacing = CASES[name]
    plans = make_plans([32] * len(spacing), spacing, ".nii.gz", 1)
    labels = {"background": 0, **{f"class{value}": value for value in range(1, classes)}}
    file = folder / f"{name}_{classes}.json"
    content = {"plans": plans, "configuration": next(iter(plans["configurations"]))}
    content |= {"dataset_json": make_dataset_json(".nii.gz", 1, labels)}
    write_json(content | {"source": source, "target": target, "spacing": image_spacing}, file)
    peak, seconds, found = measure(None, file)
    line = f"{name}, {classes:3} classes: ours {peak:6.0f} MiB, {seconds:5.1f} s"
    for who, path in others.items():
        other_peak, other_seconds, expected = measure(path, file)
        verdict = "equal" if found == expected else "DIFFER"
        line += f"; {who} {other_peak:6.0f} MiB, {other_seconds:5.1f} s, labels {verdict}"
    print(line, flush=True)


def main() -> None:
    """Measure and print all cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 10, 100])
    parser.add_argument("--before", type=Path, help="folder that holds another nnunetv2 package and s1")
    arguments = parser.parse_args()
    others = {"stock": ROOT / ".oracle", **({"before": arguments.before} if arguments.before else {})}
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES:
            for classes in arguments.classes:
                compare(name, classes, Path(folder), others)


if __name__ == "__main__":
    main()
