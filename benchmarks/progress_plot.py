"""Compare what progress.png costs an epoch with stock nnU-Net 2.8.1: the time that the training waits, and CPU time.

Both draw the same 200 epochs of two classes, again and again, each in its own process. Ours draws in a thread while the
next epoch runs; a pause, in which the drawing ends, stands for an epoch. The two take turns, and the ratio of each pair
counts.

    python benchmarks/progress_plot.py [--pairs 5]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET_SECONDS = 0.05
PAUSE_S = 3.0
WORKER = """
import json, math, sys, time
from functools import partial
from pathlib import Path
from nnunetv2.training.logging.nnunet_logger import MetaLogger

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
logger = MetaLogger(folder, False)
for epoch in range(200):
    falling = math.exp(-epoch / 50) + 0.02 * math.sin(epoch * epoch)
    logger.log("epoch_start_timestamps", 100.0 * epoch, epoch)
    for key in ("train_losses", "val_losses", "lrs"):
        logger.log(key, falling, epoch)
    logger.log("mean_fg_dice", 1 - falling, epoch)
    logger.log("dice_per_class_or_region", [1 - falling, 1 - falling], epoch)
    logger.log("epoch_end_timestamps", 100.0 * epoch + 60 + falling, epoch)
try:
    from nnunetv2.training.logging.background_drawing import BackgroundDrawing
except ImportError:
    draw = partial(logger.plot_progress_png, str(folder))
else:
    drawing = BackgroundDrawing()
    draw = lambda: drawing.start(partial(logger.plot_progress_png, str(folder)), folder / "progress.png")
draw()  # imports matplotlib
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    draw()
    waited = time.perf_counter() - wall
    time.sleep(pause)
    print(json.dumps({"waited": waited, "cpu": time.process_time() - cpu}), flush=True)
"""


def start_worker(folder: str, python_path: Path) -> subprocess.Popen[str]:
    """Start a process that draws once for each line it gets, with the package found in `python_path`."""
    environment = {**os.environ, "PYTHONPATH": str(python_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WORKER, folder, str(PAUSE_S)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
    )


def answer(worker: subprocess.Popen[str]) -> dict[str, float]:
    """Have a process draw once; return the seconds that the training waited, and those of the CPU."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    for line in worker.stdout:
        if line.startswith("{"):
            found: dict[str, float] = json.loads(line)
            return found
    raise SystemExit("a process ended early")


def main() -> None:
    """Print medians of both and of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as ours_folder, tempfile.TemporaryDirectory() as stock_folder:
        ours, stock = start_worker(ours_folder, ROOT), start_worker(stock_folder, ROOT / ".oracle")
        measured = [(answer(ours), answer(stock)) for _ in range(pairs)]
        for worker in (ours, stock):
            worker.communicate()
    for what in ("waited", "cpu"):
        own, other = (statistics.median(pair[side][what] for pair in measured) for side in (0, 1))
        ratio = statistics.median(pair[0][what] / pair[1][what] for pair in measured)
        print(f"{what}: ours {own:.3f} s, stock {other:.3f} s, ratio {ratio:.3f}")
    longest = max(pair[0]["waited"] for pair in measured)
    print(f"longest wait of ours {longest:.3f} s, to be below {TARGET_SECONDS} s")


if __name__ == "__main__":
    main()
