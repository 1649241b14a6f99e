"""Compare a training step of ours on several domains to stock nnU-Net 2.8.1: time and memory on the CPU.

Both train the same 2D network (as planned: 7 stages, 32 to 512 features) on the same dataset of two domains, each in
its own process: next batch, forward, loss, backward, clipping, optimizer. Ours is joint balancing (balanced batches,
edge heads and the boundary loss) or, with `--ours default`, batch normalization; the other is the released package.
The two take turns (A B A B ...), and the ratio of each pair counts, so other load on the machine affects both.

    python benchmarks/training_step.py [--ours default] [--pairs 5] [--size 256] [--batch 8] [--threads 2]
                                       [--features 32 64 ...]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nnunetv2.preprocessing.storage.block_shapes import comp_blosc2_params  # noqa: E402
from nnunetv2.preprocessing.storage.blosc2_dataset import nnUNetDatasetBlosc2  # noqa: E402
from tests.factories.plans import make_dataset_json, make_plans  # noqa: E402

DATASET = "Dataset990_Steps"
FEATURES = [32, 64, 128, 256, 512, 512, 512]
TARGET_TIME, TARGET_MEMORY = 1.15, 1.15
WORKER = """
import json, os, resource, sys, time
import numpy as np, torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

try:  # as our command does
    from nnunetv2.foundation.freed_memory import keep_freed_memory
    keep_freed_memory()
except ImportError:
    pass
folder, threads = os.path.join(os.environ["nnUNet_preprocessed"], sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
np.random.seed(0)
torch.manual_seed(0)
plans = {**json.load(open(os.path.join(folder, "nnUNetPlans.json"))), "continue_training": False}
dataset_json = json.load(open(os.path.join(folder, "dataset.json")))
if sys.argv[3] == "joint":  # stock ignores these
    nnUNetTrainer.balance_batches = nnUNetTrainer.use_edge_heads = True
    nnUNetTrainer.batch_norm_on_domains = False
trainer = nnUNetTrainer(plans, "2d", 0, dataset_json, torch.device("cpu"))
trainer.plot_network_architecture = lambda: None
trainer.on_train_start()
trainer.on_train_epoch_start()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    trainer.train_step(next(trainer.dataloader_train))
    answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "start_kb": before}
    answer["peak_kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("STEP", json.dumps(answer), flush=True)
"""


class Trainee:
    """A training in a separate process that makes one step on request."""

    def __init__(self, root: Path, environment: dict[str, str], threads: int, ours: str):
        variables = {f"nnUNet_{name}": str(root / name) for name in ("raw", "results")}
        settings = {"nnUNet_n_proc_DA": "0", "nnUNet_compile": "f", "OMP_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, DATASET, str(threads), ours],
            env={**os.environ, **variables, **settings, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def step(self) -> dict[str, float]:
        """Make a step; return its wall and CPU seconds and the memory before the first step and at the peak."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("STEP "):
                return json.loads(line.removeprefix("STEP "))
        raise RuntimeError(f"the training ended with exit code {self._process.wait()}")

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def write_dataset(root: Path, size: int, batch: int, features: Sequence[int] = FEATURES) -> None:
    """Write ten preprocessed RGB cases of two domains, with blobs of two classes, and the plans of the network.

    Parameters:
        features: of each stage.
    """
    plans = make_plans([size, size], [1.0, 1.0], ".png", 3, configuration={"batch_size": batch, "batch_dice": True})
    plans["dataset_name"] = DATASET
    stages = len(features)
    plans["configurations"]["2d"]["architecture"]["arch_kwargs"].update(
        n_stages=stages,
        features_per_stage=list(features),
        kernel_sizes=[[3, 3]] * stages,
        strides=[[1, 1], *[[2, 2]] * (stages - 1)],
        n_conv_per_stage=[2] * stages,
        n_conv_per_stage_decoder=[2] * (stages - 1),
    )
    folder = root / "preprocessed" / DATASET
    (folder / "tiny").mkdir(parents=True)
    for name, content in {
        "nnUNetPlans": plans,
        "dataset": make_dataset_json(".png", 3),
        "dataset_fingerprint": {},
        "domains": {"domains": {domain: [f"{domain}{i}" for i in range(5)] for domain in "ab"}},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    for number, case in enumerate(f"{domain}{i}" for domain in "ab" for i in range(5)):
        write_case(folder / "tiny" / case, size, number)


def write_case(target: Path, size: int, seed: int) -> None:
    """Write one case, 1.5 times as large as a patch."""
    generator = np.random.default_rng(seed)
    side = size * 3 // 2
    coarse = generator.uniform(size=(side // 32 + 1, side // 32 + 1)).repeat(32, 0).repeat(32, 1)[:side, :side]
    labels = (coarse * 3).astype(np.int16)[None, None]
    image = (labels + generator.normal(size=(3, 1, side, side))).astype(np.float32)
    shape = (1, side, side)
    properties = {
        "spacing": [999, 1, 1],
        "shape_before_cropping": shape,
        "bbox_used_for_cropping": [[0, length] for length in shape],
        "shape_after_cropping_and_before_resampling": shape,
        "class_locations": {label: np.argwhere(labels == label)[:1000] for label in (1, 2)},
    }
    blocks, chunks = comp_blosc2_params(image.shape, (size, size))
    nnUNetDatasetBlosc2.save_case(image, labels, properties, str(target), chunks, blocks, chunks, blocks)


def measure(
    pairs: int, size: int, batch: int, threads: int, features: Sequence[int] = FEATURES, ours: str = "joint"
) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Return the steps of stock and of our training, pair by pair, after one warm-up step."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_dataset(root, size, batch, features)
        preprocessed = {"nnUNet_preprocessed": str(root / "preprocessed")}
        stock = Trainee(root / "stock", {**preprocessed, "PYTHONPATH": str(ROOT / ".oracle")}, threads, ours)
        own = Trainee(root / "own", preprocessed, threads, ours)
        try:
            stock.step(), own.step()
            return [(stock.step(), own.step()) for _ in range(pairs)]
        finally:
            stock.end()
            own.end()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"pairs": 5, "size": 256, "batch": 8, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--features", type=int, nargs="+", default=FEATURES, help="of each stage of the network")
    parser.add_argument("--ours", choices=("joint", "default"), default="joint", help="our trainer")
    arguments = parser.parse_args()
    steps = measure(
        arguments.pairs, arguments.size, arguments.batch, arguments.threads, arguments.features, arguments.ours
    )
    size, stages = arguments.size, " ".join(map(str, arguments.features))
    print(f"{size} x {size}, batch {arguments.batch}, {arguments.threads} threads, features {stages}")
    for name, unit in {"cpu": "CPU seconds", "wall": "wall seconds"}.items():
        stock, own = (statistics.median(pair[side][name] for pair in steps) for side in (0, 1))
        ratios = [ours[name] / theirs[name] for theirs, ours in steps]
        print(
            f"step, {unit}: stock {stock:.2f}, ours ({arguments.ours}) {own:.2f}, median of {len(ratios)} ratios "
            f"{statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f}, target {TARGET_TIME})"
        )
    stock, peak = (steps[-1][side]["peak_kb"] / 2**10 for side in (0, 1))
    grown = [(steps[-1][side]["peak_kb"] - steps[-1][side]["start_kb"]) / 2**10 for side in (0, 1)]
    print(
        f"peak memory of the process, MB: stock {stock:.0f}, ours {peak:.0f}, ratio {peak / stock:.3f} "
        f"(target {TARGET_MEMORY}); above what it used before the first step: {grown[1] / grown[0]:.3f}"
    )


if __name__ == "__main__":
    main()
