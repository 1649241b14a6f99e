"""Compare a training on the CPU with stock nnU-Net 2.8.1 while other processes keep the CPUs busy.

Both run `nnUNetv2_train -device cpu` with default settings on the same dataset without domains, with the small 2D
network of `make demo` (five stages, 16 to 128 features, patches of 128 x 128, batch 6), and take turns of a few steps:
next batch, forward, loss, backward, optimizer. Beside them run zero, two and six processes that only count.

Fair share: N threads of a training and b busy threads compete for N CPUs. A scheduler that treats all threads alike
gives the training N of N + b parts of the machine, so that a step takes (N + b) / N times as long as on an idle one:
twice with two and four times with six busy processes on two CPUs. "Idle" is the faster of both trainings alone.

    python benchmarks/busy_machine.py [--steps 3] [--before FOLDER]

`--before` names a checkout of an older version, which is compared on the idle machine. Other load disturbs the figures:
its share of the CPUs is printed, and above 5 % they are preliminary. About three minutes on two CPUs.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.training_step import DATASET, write_dataset  # noqa: E402
from s1.cpus import usable_cpus  # noqa: E402
from sample_data.small_plans import NETWORK  # noqa: E402

SIZE, BATCH = 128, 6
TURNS = {0: 8, 2: 3, 6: 2}
"""Busy processes: turns of each training."""
TARGET_OVER_FAIR, TARGET_IDLE, QUIET = 2.0, 1.03, 0.05
COMMAND = "from nnunetv2.run.run_training import run_training_entry as run; run()"
STOCK_COMMAND = """
import os, sys
from nnunetv2.run import run_training
sys.path.append(os.environ["nnUNet_extTrainer"])
from stepwise import StepwiseTrainer
run_training.recursive_find_trainer_class_by_name = lambda *_: StepwiseTrainer
run_training.run_training_entry()
"""
"""Finds the trainer itself: nnU-Net's search imports all its trainers, which may need packages that are missing."""
TRAINER = """
import sys, time
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

class StepwiseTrainer(nnUNetTrainer):
    def run_training(self):
        self.on_train_start()
        self.on_train_epoch_start()
        for line in sys.stdin:
            start = time.perf_counter()
            for _ in range(int(line)):
                self.train_step(next(self.dataloader_train))
            print("SECONDS", (time.perf_counter() - start) / int(line), flush=True)

    def plot_network_architecture(self):
        pass

    def perform_actual_validation(self, *_):
        pass
"""


class Training:
    """`nnUNetv2_train` in a process of its own, which makes some steps on request."""

    def __init__(self, root: Path, command: str, python_path: str):
        folders = {f"nnUNet_{name}": str(root / name) for name in ("raw", "results")}
        settings = {"nnUNet_preprocessed": str(root.parent / "preprocessed"), "nnUNet_extTrainer": str(root.parent)}
        ours = ("nnUNet_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "PYTHONPATH")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        arguments = [DATASET, "2d", "0", "-tr", "StepwiseTrainer", "-device", "cpu"]
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", command, *arguments],
            env={**clean, **folders, **settings, "PYTHONPATH": python_path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds_per_step(self, steps: int) -> float:
        """Make some steps and return the mean wall time of one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("SECONDS "):
                return float(line.split()[1])
        raise RuntimeError(f"the training ended with exit code {self._process.wait()}")

    def end(self) -> None:
        """End the training and its loaders."""
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            for process in psutil.Process(self._process.pid).children(recursive=True):
                process.kill()
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep so many processes busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Disturbance:
    """The share of the CPUs that processes which are not ours have taken."""

    def __init__(self) -> None:
        self._start, self._others = time.perf_counter(), self._seconds_of_others()

    def share(self) -> float:
        """Return the share since the start, 0 to 1."""
        wall = time.perf_counter() - self._start
        return max(0.0, self._seconds_of_others() - self._others) / wall / (os.cpu_count() or 1)

    @staticmethod
    def _seconds_of_others() -> float:
        used = psutil.cpu_times()
        everything = sum(used[:3]) + sum(used[5:8]) if len(used) > 7 else sum(used[:3])
        this = psutil.Process()
        own = [process.cpu_times() for process in [this, *this.children(recursive=True)]]
        return everything - sum(times.user + times.system for times in own)


def take_turns(trainings: Mapping[str, Training], turns: int, steps: int) -> dict[str, float]:
    """Return the median seconds per step of each training over some turns, in which they alternate."""
    seconds: dict[str, list[float]] = {name: [] for name in trainings}
    for _ in range(turns):
        for name, training in trainings.items():
            seconds[name].append(training.seconds_per_step(steps))
    return {name: statistics.median(values) for name, values in seconds.items()}


def measure(root: Path, steps: int, before: Path | None) -> Iterator[tuple[int, dict[str, float], float]]:
    """Yield the number of busy processes, the seconds per step of each training, and the share of foreign load."""
    write_dataset(root, SIZE, BATCH, NETWORK["features_per_stage"])
    (root / "preprocessed" / DATASET / "domains.json").unlink()
    (root / "stepwise.py").write_text(TRAINER)
    paths = {"stock": f"{ROOT}/.oracle", "ours": f"{ROOT}/.typecheck:{ROOT}"}
    paths |= {} if before is None else {"before": f"{before}/.typecheck:{before}"}
    commands = {"stock": STOCK_COMMAND, "ours": COMMAND, "before": COMMAND}
    trainings = {name: Training(root / name, commands[name], path) for name, path in paths.items()}
    try:
        take_turns(trainings, turns=1, steps=2)
        for busy, turns in TURNS.items():
            chosen = {name: training for name, training in trainings.items() if name != "before" or busy == 0}
            with busy_processes(busy):
                disturbance = Disturbance()
                yield busy, take_turns(chosen, turns, steps), disturbance.share()
    finally:
        for training in trainings.values():
            training.end()


def report(busy: int, seconds: Mapping[str, float], idle: float, disturbance: float) -> None:
    """Print one line about a number of busy processes."""
    stock, ours, fair = seconds["stock"], seconds["ours"], idle * (usable_cpus() + busy) / usable_cpus()
    parts = [
        f"{busy} busy processes: stock {stock:.2f} s, ours {ours:.2f} s, ratio {ours / stock:.2f}",
        f"fair share {fair:.2f} s: stock {stock / fair:.2f} x, ours {ours / fair:.2f} x (target {TARGET_OVER_FAIR})",
    ]
    if "before" in seconds:
        ratio = ours / seconds["before"]
        parts.append(f"before {seconds['before']:.2f} s, ours over before {ratio:.3f} (target {TARGET_IDLE})")
    preliminary = ": preliminary" if disturbance > QUIET else ""
    print("; ".join([*parts, f"other load {disturbance:.0%} of the CPUs{preliminary}"]), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3, help="steps in a turn (default 3)")
    parser.add_argument("--before", type=Path, help="folder of an older checkout")
    arguments = parser.parse_args()
    print(f"seconds per training step on {usable_cpus()} CPUs, medians over turns of {arguments.steps} steps")
    idle = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for busy, seconds, disturbance in measure(Path(folder), arguments.steps, arguments.before):
            idle = idle or min(seconds["stock"], seconds["ours"])
            report(busy, seconds, idle, disturbance)


if __name__ == "__main__":
    main()
