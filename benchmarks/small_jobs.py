"""Compare what a command does before its work, here and in nnU-Net: `python benchmarks/small_jobs.py`.

Prints CPU seconds of `--help` of every command, and of listing the files of 20,000 training cases with two channels,
each in fresh processes; medians of interleaved repeats. nnU-Net lies in `.oracle` (`make oracle`).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ORACLE = ROOT / ".oracle"
CASES = 20_000
CHANNELS = 2
CALL = "import sys; from importlib.metadata import entry_points; sys.argv = [sys.argv[1], '--help']; "
HELP = CALL + "(entry,) = {e.value: e for e in entry_points(name=sys.argv[0])}.values(); entry.load()()"
LISTING = (
    "import sys; from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets as listing; "
    "assert len(listing(sys.argv[1], {'file_ending': '.png'})) == int(sys.argv[2])"
)
PACKAGES = {"nnU-Net": {"PYTHONPATH": str(ORACLE)}, "ours": {}}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="CPU seconds before the work of a command begins.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cases", type=int, default=CASES)
    arguments = parser.parse_args()
    commands = sorted(file.name for file in (ORACLE / "bin").glob("nnUNetv2_*"))
    print(f"{'CPU seconds, medians':<52}{'nnU-Net':>9}{'ours':>9}{'ratio':>8}")
    for command in commands:
        compare(f"{command} --help", [HELP, command], arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        write_names(Path(folder) / "imagesTr", arguments.cases)
        compare(f"listing {arguments.cases} cases", [LISTING, folder, str(arguments.cases)], arguments.repeats)


def write_names(folder: Path, cases: int) -> None:
    """Write empty image files."""
    folder.mkdir()
    for case in range(cases):
        for channel in range(CHANNELS):
            (folder / f"case_{case:05d}_{channel:04d}.png").touch()


def compare(name: str, code: list[str], repeats: int) -> None:
    """Print a row."""
    seconds: dict[str, list[float]] = {package: [] for package in PACKAGES}
    for _ in range(repeats):
        for package, variables in PACKAGES.items():
            seconds[package].append(cpu_seconds(code, variables))
    stock, ours = (statistics.median(seconds[package]) for package in PACKAGES)
    print(f"{name:<52}{stock:>9.2f}{ours:>9.2f}{ours / stock:>8.2f}", flush=True)


def cpu_seconds(code: list[str], variables: dict[str, str]) -> float:
    """Run Python code in a fresh process and return the CPU time that it took."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | variables
    process = subprocess.Popen([sys.executable, "-c", *code], cwd=os.sep, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(code)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
