"""Measure the memory of a training over its epochs: is it flat with many cases and augmentation processes?

A small network is trained on many small cases of two domains, with real loaders and processes. After each epoch the
proportional memory (PSS, shared pages divided among those who share them) of the training and its augmentation
processes is summed. Linux only.

    python benchmarks/training_memory.py [--cases 2000] [--epochs 20] [--steps 100] [--processes 2] [--size 32]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FEATURES = [4, 8]


def proportional_mib() -> tuple[float, float]:
    """Return the memory of this process and of those that it started, MiB."""
    import psutil

    own = psutil.Process()
    return _pss(own.pid), sum(_pss(child.pid) for child in own.children(recursive=True))


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def train(arguments: argparse.Namespace, root: Path) -> list[tuple[float, float]]:
    """Train; return the memory of the training and of its augmentation processes after each epoch."""
    import json

    import torch

    from benchmarks.training_step import DATASET, write_case, write_dataset
    from nnunetv2.foundation.freed_memory import keep_freed_memory
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    write_dataset(root, arguments.size, 8, FEATURES)
    folder = root / "preprocessed" / DATASET
    cases = [f"{'ab'[number % 2]}_{number:05d}" for number in range(arguments.cases)]
    for number, case in enumerate(cases):
        write_case(folder / "tiny" / case, arguments.size, number)
    domains = {name: [case for case in cases if case.startswith(name)] for name in "ab"}
    for own in [f"{name}{number}" for name in "ab" for number in range(5)]:
        domains[own[0]].append(own)
    (folder / "domains.json").write_text(json.dumps({"domains": domains}))

    found: list[tuple[float, float]] = []

    class Measured(nnUNetTrainer):
        num_iterations_per_epoch, num_val_iterations_per_epoch = arguments.steps, 10
        num_epochs, save_every = arguments.epochs, 5

        def on_epoch_end(self) -> None:
            super().on_epoch_end()
            found.append(proportional_mib())

        def print_to_log_file(self, *parts: Any, **options: Any) -> None:
            super().print_to_log_file(*parts, **{**options, "also_print_to_console": False})

    keep_freed_memory()
    torch.set_num_threads(1)
    plans = {**json.loads((folder / "nnUNetPlans.json").read_text()), "continue_training": False}
    dataset_json = json.loads((folder / "dataset.json").read_text())
    Measured(plans, "2d", 0, dataset_json, torch.device("cpu")).run_training()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"cases": 2000, "epochs": 20, "steps": 100, "processes": 2, "size": 32}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {f"nnUNet_{name}": str(Path(folder) / name) for name in ("raw", "preprocessed", "results")}
        os.environ |= {"nnUNet_n_proc_DA": str(arguments.processes), "nnUNet_compile": "f", "OMP_NUM_THREADS": "1"}
        found = train(arguments, Path(folder))
    for epoch, (own, others) in enumerate(found):
        print(
            f"epoch {epoch:>3}: training {own:7.1f} MiB, augmentation {others:7.1f} MiB, in all {own + others:7.1f} MiB"
        )
    settled = [own + others for own, others in found[len(found) // 4 :]]
    print(f"from epoch {len(found) // 4} on: {min(settled):.1f} to {max(settled):.1f} MiB, last {settled[-1]:.1f} MiB")


if __name__ == "__main__":
    main()
