"""Compare the CPU time of an augmented training sample with stock nnU-Net 2.8.1: 2D patches of 512 x 512, RGB.

Each trainer runs in a process of its own, on one thread: stock nnU-Net's nnUNetTrainer, ours, and nnUNetTrainerFastDA.
They take turns of a few batches, and the ratio of each round to stock counts, so that other load on the machine affects
all. Times are CPU seconds of the process, first from cases in memory (choose a position, cut, augment, stack), then
from the files of the preprocessed cases, and then by transform.

    python benchmarks/augmentation.py [--rounds 8] [--batches 2] [--size 512] [--batch 12]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.training_step import DATASET, write_dataset  # noqa: E402

FEATURES = [4] * 8  # eight stages as in plans for patches of 512 x 512; the network does not run
TARGET = 0.4
VARIANTS = "nnunetv2.training.nnUNetTrainer.variants.data_augmentation"
TRAINERS = {
    "nnU-Net": ("nnunetv2.training.nnUNetTrainer.nnUNetTrainer", "nnUNetTrainer"),
    "ours": ("nnunetv2.training.nnUNetTrainer.nnUNetTrainer", "nnUNetTrainer"),
    "ours, FastDA": (f"{VARIANTS}.nnUNetTrainerFastDA", "nnUNetTrainerFastDA"),
}
SOURCES = ("memory", "files")
WORKER = """
import collections, importlib, json, os, sys, time
import numpy as np, torch

class InMemory:
    def __init__(self, dataset):
        self.identifiers = dataset.identifiers
        self._cases = {case: self._read(dataset, case) for case in self.identifiers}

    def _read(self, dataset, case):
        image, labels, previous, properties = dataset.load_case(case)
        return image[:], labels[:], previous, properties

    def load_case(self, case):
        return self._cases[case]

folder, module, name = os.path.join(os.environ["nnUNet_preprocessed"], sys.argv[1]), sys.argv[2], sys.argv[3]
torch.set_num_threads(1)
plans = {**json.load(open(os.path.join(folder, "nnUNetPlans.json"))), "continue_training": False}
dataset_json = json.load(open(os.path.join(folder, "dataset.json")))
trainer = getattr(importlib.import_module(module), name)(plans, "2d", 0, dataset_json, torch.device("cpu"))
trainer.initialize()
batches, _ = trainer.get_dataloaders()
loader = batches.data_loader
datasets = {"files": loader._data, "memory": InMemory(loader._data)}
size = trainer.batch_size
by_transform = collections.Counter()

def timed(step):
    name = type(getattr(step, "transform", step)).__name__
    def call(**sample):
        start = time.process_time()
        result = type(step).__call__(step, **sample)
        by_transform[name] += time.process_time() - start
        return result
    return call

for line in sys.stdin:
    order = json.loads(line)
    loader._data = datasets[order["source"]]
    np.random.seed(order["seed"]), torch.manual_seed(order["seed"])
    by_transform.clear()
    steps = loader.transforms.transforms
    if order["by_transform"]:
        loader.transforms.transforms = [timed(step) for step in steps]
    start = time.process_time()
    for _ in range(order["batches"]):
        next(loader)
    samples = order["batches"] * size / 1000
    answer = {"ms": (time.process_time() - start) / samples}
    answer["by_transform"] = {name: seconds / samples for name, seconds in by_transform.items()}
    loader.transforms.transforms = steps
    print("BATCHES", json.dumps(answer), flush=True)
"""


class Worker:
    """A process with the loader of a trainer, which makes batches on request."""

    def __init__(self, root: Path, trainer: str):
        variables = {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed")}
        variables |= {"nnUNet_results": str(root / trainer), "nnUNet_n_proc_DA": "0", "nnUNet_compile": "f"}
        variables |= {"PYTHONPATH": str(ROOT / ".oracle") if trainer == "nnU-Net" else "", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, DATASET, *TRAINERS[trainer]],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def make(self, batches: int, source: str, seed: int, by_transform: bool = False) -> dict[str, object]:
        """Make batches; return CPU milliseconds a sample, in all and by transform."""
        order = {"batches": batches, "source": source, "seed": seed, "by_transform": by_transform}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("BATCHES "):
                return json.loads(line.removeprefix("BATCHES "))
        raise RuntimeError(f"the process ended with exit code {self._process.wait()}")

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def compare(workers: Mapping[str, Worker], source: str, rounds: int, batches: int) -> None:
    """Print a row for each trainer."""
    times: dict[str, list[float]] = {trainer: [] for trainer in workers}
    for number in range(rounds):
        for trainer, worker in workers.items():
            times[trainer].append(float(str(worker.make(batches, source, number)["ms"])))
    for trainer, own in times.items():
        ratios = [ms / stock for ms, stock in zip(own, times["nnU-Net"], strict=True)]
        print(
            f"from {source:<8}{trainer:<24}{statistics.mean(own):>8.2f} ms a sample, ratio of the sums "
            f"{sum(own) / sum(times['nnU-Net']):.3f}, of {len(ratios)} rounds {min(ratios):.3f} to {max(ratios):.3f}",
            flush=True,
        )


def print_transforms(worker: Worker, rounds: int, batches: int) -> None:
    """Print the CPU time of each transform of stock nnU-Net, the average over all samples."""
    found = worker.make(rounds * batches, "memory", 0, by_transform=True)["by_transform"]
    assert isinstance(found, dict)
    for name, ms in found.items():
        print(f"nnU-Net, {name:<36}{ms:>8.2f} ms a sample")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"rounds": 8, "batches": 2, "size": 512, "batch": 12}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), arguments.size, arguments.batch, FEATURES)
        workers = {trainer: Worker(Path(folder), trainer) for trainer in TRAINERS}
        try:
            for source in SOURCES:
                compare(workers, source, arguments.rounds, arguments.batches)
            print(f"target: {TARGET} with FastDA")
            print_transforms(workers["nnU-Net"], arguments.rounds, arguments.batches)
        finally:
            for worker in workers.values():
                worker.end()


if __name__ == "__main__":
    main()
