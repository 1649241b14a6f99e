"""Compare the CPU time of an augmented training sample with stock nnU-Net 2.8.1: 2D patches of 512 x 512, RGB.

Each trainer runs in a process of its own, on one thread: stock nnU-Net's nnUNetTrainer, ours, nnUNetTrainerFastDA, and
nnUNetTrainerGPUAugmentation, whose loader only cuts. They take turns of a few batches, and the ratio of each round to
stock counts, so that other load on the machine affects all. Times are CPU seconds of the process:

- transforms: of cases in memory, without choosing, cutting and stacking the patches
- memory: of cases in memory, all that makes a batch
- files: the same of preprocessed cases, read from their files
- sent: of an augmentation process that reads files, makes batches, and sends them to the training

    python benchmarks/augmentation.py [--rounds 8] [--batches 2] [--size 512] [--batch 12]
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
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
    "FastDA": (f"{VARIANTS}.nnUNetTrainerFastDA", "nnUNetTrainerFastDA"),
    "GPUAugmentation": (f"{VARIANTS}.nnUNetTrainerGPUAugmentation", "nnUNetTrainerGPUAugmentation"),
}
WORKER = """
import collections, importlib, json, os, sys, time
import numpy as np, psutil, torch

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
by_transform = collections.Counter()

def measure_calls(step):
    name = type(getattr(step, "transform", step)).__name__
    call = step.apply
    def timed(data_dict, **parameters):
        start = time.process_time()
        result = call(data_dict, **parameters)
        by_transform[name] += time.process_time() - start
        return result
    step.apply = timed

def seconds_of_processes():
    seconds, before = 0.0, -1.0
    while seconds > before:  # until they have filled their queues and wait
        time.sleep(0.5)
        before = seconds
        spent = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
        seconds = sum(times.user + times.system for times in spent)
    return seconds

def in_processes(count):
    start = seconds_of_processes()
    for _ in range(count):
        next(batches)
    return seconds_of_processes() - start

def in_this_process(count):
    start = time.process_time()
    for _ in range(count):
        next(loader)
    return time.process_time() - start

makes_here = os.environ["nnUNet_n_proc_DA"] == "0"
if makes_here:
    loader = batches.data_loader
    datasets = {"files": loader._data, "memory": InMemory(loader._data)}
    for step in loader.transforms.transforms:
        measure_calls(step)
for line in sys.stdin:
    order = json.loads(line)
    by_transform.clear()
    if makes_here:
        loader._data = datasets[order["source"]]
        np.random.seed(order["seed"]), torch.manual_seed(order["seed"])
    seconds = in_this_process(order["batches"]) if makes_here else in_processes(order["batches"])
    samples = order["batches"] * trainer.batch_size / 1000
    parts = {name: spent / samples for name, spent in by_transform.items()}
    print("BATCHES", json.dumps({"ms": seconds / samples, "by_transform": parts}), flush=True)
"""


Rounds = dict[str, list[tuple[float, dict[str, float]]]]


class Worker:
    """A process with the loader of a trainer, which makes batches on request, itself or in augmentation processes."""

    def __init__(self, root: Path, trainer: str, processes: int = 0):
        variables = {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed")}
        variables |= {"nnUNet_results": str(root / trainer), "nnUNet_n_proc_DA": str(processes), "nnUNet_compile": "f"}
        variables |= {"PYTHONPATH": str(ROOT / ".oracle") if trainer == "nnU-Net" else "", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, DATASET, *TRAINERS[trainer]],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def make(self, batches: int, source: str, seed: int) -> tuple[float, dict[str, float]]:
        """Make batches; return CPU milliseconds a sample, in all and by transform."""
        order = {"batches": batches, "source": source, "seed": seed}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("BATCHES "):
                answer = json.loads(line.removeprefix("BATCHES "))
                return answer["ms"], answer["by_transform"]
        raise RuntimeError(f"the process ended with exit code {self._process.wait()}")

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def measure(workers: Mapping[str, Worker], source: str, rounds: int, batches: int) -> Rounds:
    """Return what each trainer takes in each round."""
    found: Rounds = {trainer: [] for trainer in workers}
    for number in range(rounds):
        for trainer, worker in workers.items():
            found[trainer].append(worker.make(batches, source, number))
    return found


def print_rows(source: str, times: Mapping[str, Sequence[float]]) -> None:
    """Print a row for each trainer, given milliseconds a sample by round."""
    for trainer, own in times.items():
        ratios = [ms / stock for ms, stock in zip(own, times["nnU-Net"], strict=True)]
        print(
            f"{source:<12}{trainer:<18}{statistics.mean(own):>8.2f} ms a sample, ratio of the sums "
            f"{sum(own) / sum(times['nnU-Net']):.3f}, of {len(ratios)} rounds {min(ratios):.3f} to {max(ratios):.3f}",
            flush=True,
        )


def compare_in_one_process(root: Path, rounds: int, batches: int) -> None:
    """Compare batches that the training makes itself, and print stock nnU-Net's time by transform."""
    with started({trainer: Worker(root, trainer) for trainer in TRAINERS}) as workers:
        found = measure(workers, "memory", rounds, batches)
        of_transforms = {trainer: [sum(parts.values()) for _, parts in own] for trainer, own in found.items()}
        print_rows("transforms", of_transforms)
        print_rows("memory", {trainer: [ms for ms, _ in own] for trainer, own in found.items()})
        from_files = measure(workers, "files", rounds, batches)
        print_rows("files", {trainer: [ms for ms, _ in own] for trainer, own in from_files.items()})
    parts = [by_transform for _, by_transform in found["nnU-Net"]]
    for name in parts[0]:
        print(f"nnU-Net, {name:<36}{statistics.mean(part[name] for part in parts):>8.2f} ms a sample")


def compare_sent(root: Path, rounds: int, batches: int) -> None:
    """Compare batches that an augmentation process makes and sends."""
    with started({trainer: Worker(root, trainer, processes=1) for trainer in TRAINERS}) as workers:
        sent = measure(workers, "files", rounds, batches)
        print_rows("sent", {trainer: [ms for ms, _ in own] for trainer, own in sent.items()})


@contextlib.contextmanager
def started(workers: Mapping[str, Worker]) -> Iterator[Mapping[str, Worker]]:
    """Let each worker make a first batch, and end all of them afterwards."""
    try:
        for worker in workers.values():
            worker.make(1, "memory", 0)
        yield workers
    finally:
        for worker in workers.values():
            worker.end()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"rounds": 8, "batches": 2, "size": 512, "batch": 12}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), arguments.size, arguments.batch, FEATURES)
        compare_in_one_process(Path(folder), arguments.rounds, arguments.batches)
        compare_sent(Path(folder), arguments.rounds, arguments.batches)
    print(f"target of the transforms: {TARGET} with FastDA")


if __name__ == "__main__":
    main()
