"""Compare stage 1 with only decoding the same images: `python benchmarks/prism_dd.py`.

Makes 200 RGB PNG files of 1024 x 1024 pixels of synthetic tissue in two domains, then runs loops that only decode them
and the command of stage 1, each in a fresh process and with the same number of workers. Prints wall and CPU time,
ratios and peak memory; times are medians of interleaved repeats.

Ratios are relative to decoding with memory kept: by default, the C library returns each image's memory to the system
and requests it again, which slows a loop that only decodes (second row) more than stage 1 and would flatter the latter.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

DOMAINS = 2
DISTINCT_TILES = 6
DECODE = """
import sys
from pathlib import Path
from s1.image_features import in_parallel
from s1.image_files import read_image
files = [file for folder in sys.argv[2:] for file in sorted(Path(folder).iterdir())]
for _, pixels in in_parallel(lambda file: read_image(file).shape, files, int(sys.argv[1])):
    assert len(pixels) == 3
"""
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 26), "MALLOC_TRIM_THRESHOLD_": str(1 << 28)}
BASELINE = "decoding, memory kept"
RUN = "import sys; from s1.PRISMDD import main; main(sys.argv[1:])"


class Run(NamedTuple):
    """Time and memory of one run of a command."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare stage 1 with decoding alone.")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--draw", type=Path, help="only make the images, in this folder")
    arguments = parser.parse_args()
    if arguments.draw:
        make_images(arguments.draw, arguments.images, arguments.size)
        return
    with tempfile.TemporaryDirectory() as folder:
        # Drawn in a separate process: a child's peak memory starts at its parent's.
        drawing = [sys.executable, __file__, "--draw", folder, "--images", str(arguments.images)]
        subprocess.run([*drawing, "--size", str(arguments.size)], check=True)
        folders = sorted(path for path in Path(folder).iterdir() if path.is_dir())
        report(measure(folders, arguments.workers, arguments.repeats, Path(folder) / "out"))


def make_images(root: Path, count: int, size: int) -> None:
    """Write the images of each domain to its own folder: a few tiles of tissue, rotated, shifted and brightened."""
    import numpy as np
    from PIL import Image
    from tqdm import tqdm

    from sample_data.dataset import DatasetSettings, draw_case, plan_cases
    from sample_data.randomness import random_stream

    settings = DatasetSettings(DISTINCT_TILES, 0, size)
    cases = [case for case in plan_cases(settings) if case.domain in settings.domains[:DOMAINS]]
    for domain in settings.domains[:DOMAINS]:
        tiles = [draw_case(case, settings)[0] for case in cases if case.domain.name == domain.name]
        (root / domain.name).mkdir()
        rng = random_stream(0, domain.name)
        for number in tqdm(range(count // DOMAINS), desc=f"drawing {domain.name}"):
            tile = np.rot90(tiles[number % DISTINCT_TILES], rng.integers(4))
            tile = np.roll(tile, rng.integers(0, size, 2), axis=(0, 1)) + rng.integers(-8, 9)
            picture = Image.fromarray(np.clip(tile, 0, 255).astype(np.uint8))
            picture.save(root / domain.name / f"{number:03d}.png")


def measure(folders: list[Path], workers: int, repeats: int, output: Path) -> dict[str, list[Run]]:
    """Return the runs of each command."""
    domains = [argument for folder in folders for argument in ("--domain", f"{folder.name}={folder}")]
    command = [RUN, *domains, "--workers", str(workers), "--output", str(output)]
    decoding = [DECODE, str(workers), *map(str, folders)]
    commands: dict[str, tuple[list[str], dict[str, str]]] = {
        BASELINE: (decoding, KEEP_MEMORY),
        "decoding": (decoding, {}),
        "stage 1": ([*command, "--no-report"], {}),
        "stage 1 with report": (command, {}),
    }
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, (code, variables) in commands.items():
            runs[name].append(run(code, variables))
    return runs


def run(code: list[str], variables: dict[str, str]) -> Run:
    """Run Python code in a fresh process, with additional environment variables."""
    environment = os.environ | variables
    start = time.perf_counter()
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            [sys.executable, "-c", *code], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=messages
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            messages.seek(0)
            sys.exit(messages.read().decode())
    return Run(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def report(runs: dict[str, list[Run]]) -> None:
    """Print medians, their ratios to the baseline, and the largest peak memory of each command."""
    base = [statistics.median(r[i] for r in runs[BASELINE]) for i in (0, 1)]
    print(f"{'':<22}{'wall s':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}{'peak MiB':>10}")
    for name, repeats in runs.items():
        wall, cpu = (statistics.median(r[i] for r in repeats) for i in (0, 1))
        peak = max(r.peak_mib for r in repeats)
        print(f"{name:<22}{wall:>9.2f}{wall / base[0]:>8.2f}{cpu:>9.2f}{cpu / base[1]:>8.2f}{peak:>10.0f}")


if __name__ == "__main__":
    main()
