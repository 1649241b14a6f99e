"""Compare fingerprint, planning and preprocessing with stock nnU-Net 2.8.1: CPU seconds and peak memory.

    python benchmarks/preprocessing.py [--tiles 12] [--size 1024] [--volumes 4] [--workers 2]

First all of nnUNetv2_plan_and_preprocess on RGB tiles, then preprocessing single tiles to disk and reading them back.
Then the same for NIfTI volumes of 128 x 256 x 256 voxels, three channels, resampled in 3D (`--volumes 30` for the
figures in docs/benchmarks.md, 0 for none). Memory is the sum over all processes of a command, sampled. Prints stock,
ours and their ratio.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sample_data.dataset import DatasetSettings, make_folders, plan_cases, write_case, write_descriptions
from sample_data.domains import EXAMPLE_DOMAINS

ROOT = Path(__file__).resolve().parents[1]

PLAN_AND_PREPROCESS = """
    if __name__ == "__main__":
        from nnunetv2.experiment_planning.plan_and_preprocess_entrypoints import plan_and_preprocess_entry
        plan_and_preprocess_entry()
"""
PREPROCESS = """
    if __name__ == "__main__":
        import sys
        from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
        DefaultPreprocessor(verbose=False).run(int(sys.argv[1]), sys.argv[2], "nnUNetPlans", int(sys.argv[3]))
"""
ONE_BY_ONE = """
    import json, os, sys, time
    from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

    name, configuration, output = sys.argv[1:]
    folder = os.path.join(str(nnUNet_preprocessed), name)
    with open(os.path.join(folder, "dataset.json")) as stream:
        dataset_json = json.load(stream)
    plans = PlansManager(os.path.join(folder, "nnUNetPlans.json"))
    chosen = plans.get_configuration(configuration)
    cases = get_filenames_of_train_images_and_targets(os.path.join(str(nnUNet_raw), name), dataset_json)
    written, read = [], []
    for case, files in cases.items():
        start = time.process_time()
        target = os.path.join(output, case)
        DefaultPreprocessor(verbose=False).run_case_save(
            target, files["images"], files["label"], plans, chosen, dataset_json)
        written.append(time.process_time() - start)
    dataset = nnUNetDatasetBlosc2(output)
    for case in list(cases) * 5:
        start = time.process_time()
        data, seg, _, _ = dataset[case]
        data[:], seg[:]
        read.append(time.process_time() - start)
    size = sum(entry.stat().st_size for entry in os.scandir(output))
    middle = lambda values: sorted(values)[len(values) // 2]
    print(middle(written[1:] or written), middle(read), size / len(cases) / 1e6)
"""


@dataclass(frozen=True)
class Usage:
    """CPU seconds and peak memory in MB of all processes of a command, and its output."""

    cpu_seconds: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Side:
    """Stock nnU-Net or this package, with its own folder for preprocessed data."""

    name: str
    preprocessed: Path
    raw: Path

    def run(self, script: str, *arguments: object) -> Usage:
        """Run a script in a fresh process and watch it and its children."""
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("nnUNet_", "PYTHONPATH"))}
        variables |= {"nnUNet_raw": str(self.raw), "nnUNet_preprocessed": str(self.preprocessed)}
        variables |= {"nnUNet_results": str(self.preprocessed), "PYTHONWARNINGS": "ignore", "nnUNet_n_proc_DA": "1"}
        if self.name == "stock":
            variables["PYTHONPATH"] = str(ROOT / ".oracle")
        file = self.preprocessed / "script.py"
        file.write_text(textwrap.dedent(script))
        return _watch([sys.executable, str(file), *map(str, arguments)], variables)


def _watch(command: list[str], variables: dict[str, str]) -> Usage:
    before = _cpu_of_children()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, env=variables, stdout=output, stderr=errors, text=True) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, _memory_of_tree(process.pid))
                time.sleep(0.02)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{errors.read()}")
        return Usage(_cpu_of_children() - before, peak / 1e6, output.read())


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory_of_tree(pid: int) -> int:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass
    return total


def make_tiles(raw: Path, count: int, size_px: int) -> str:
    """Write RGB tiles of synthetic tissue; return the name of the dataset."""
    settings = DatasetSettings(
        cases_per_domain=count, held_out_per_domain=0, size_px=size_px, domains=EXAMPLE_DOMAINS[:1]
    )
    folder = make_folders(raw, 801, "Tiles")
    cases = plan_cases(settings)
    for case in cases:
        write_case(case, settings, folder)
    write_descriptions(cases, folder)
    return folder.name


def make_volumes(raw: Path, count: int) -> str:
    """Write smooth NIfTI volumes of three channels, cycling through three spacings; return the dataset's name."""
    import json

    import SimpleITK as sitk
    from scipy.ndimage import zoom

    folder, random = make_folders(raw, 802, "Volumes"), np.random.default_rng(0)

    def write(array: np.ndarray, path: Path, spacing: tuple[float, float, float]) -> None:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing)
        sitk.WriteImage(image, str(path))

    for number in range(count):
        spacing = ((1.0, 1.0, 1.0), (0.9, 0.9, 1.1), (1.2, 1.1, 1.0))[number % 3]
        base = zoom(random.normal(size=(8, 16, 16)), 16, order=1)
        for channel in range(3):
            noisy = base * 100 * (channel + 1) + random.normal(size=base.shape) * 20 + 300
            write(noisy.astype(np.int16), folder / "imagesTr" / f"v{number:03d}_{channel:04d}.nii.gz", spacing)
        write(np.digitize(base, [0.8, 1.5]).astype(np.uint8), folder / "labelsTr" / f"v{number:03d}.nii.gz", spacing)
    content = {
        "channel_names": {"0": "T1", "1": "T2", "2": "FLAIR"},
        "labels": {"background": 0, "a": 1, "b": 2},
        "numTraining": count,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder.name


def report(title: str, stock: float, ours: float, unit: str, wanted: str) -> None:
    """Print one line of the comparison."""
    print(f"{title:<58}{stock:>10.2f}{ours:>10.2f} {unit:<3}  ours/stock {ours / stock:5.2f}  ({wanted})")


def compare_commands(sides: tuple[Side, Side], title: str, script: str, arguments: list[object], wanted: str) -> Usage:
    """Run the same command on both sides and report CPU and memory. Returns our usage."""
    stock, ours = (side.run(script, *arguments) for side in sides)
    report(f"{title}, CPU", stock.cpu_seconds, ours.cpu_seconds, "s", wanted)
    report(f"{title}, peak memory", stock.peak_mb, ours.peak_mb, "MB", "all processes together")
    return ours


def compare_single_cases(sides: tuple[Side, Side], dataset: str, configuration: str, work: Path) -> tuple[Usage, ...]:
    """Preprocess and read case by case in one process; report medians. Returns both usages."""
    numbers, usages = [], []
    for side in sides:
        output = work / f"{side.name}_{dataset}"
        output.mkdir()
        usages.append(side.run(ONE_BY_ONE, dataset, configuration, output))
        numbers.append([float(word) for word in usages[-1].output.split("\n")[-2].split()])
    (stock_write, stock_read, stock_size), (write, read, size) = numbers
    report("one case, from its files to the files on disk, CPU", stock_write * 1e3, write * 1e3, "ms", "PNG: <= 0.33")
    report("one case, read whole, CPU", stock_read * 1e3, read * 1e3, "ms", "<= 1.2")
    report("one case, size on disk", stock_size, size, "MB", "free")
    return tuple(usages)


def compare_tiles(sides: tuple[Side, Side], arguments: argparse.Namespace, work: Path) -> None:
    """Compare on RGB tiles."""
    dataset = make_tiles(sides[0].raw, arguments.tiles, arguments.size)
    workers = ["-np", arguments.workers, "-npfp", arguments.workers]
    print(f"\n{arguments.tiles} RGB PNG of {arguments.size} x {arguments.size}, {arguments.workers} workers")
    title = "fingerprint + plan + preprocess"
    compare_commands(sides, title, PLAN_AND_PREPROCESS, ["-d", 801, "-c", "2d", *workers], "<= 0.2, memory <= 0.25")
    compare_single_cases(sides, dataset, "2d", work)


def compare_volumes(sides: tuple[Side, Side], arguments: argparse.Namespace, work: Path) -> None:
    """Compare on NIfTI volumes; both sides preprocess with our plans."""
    dataset = make_volumes(sides[0].raw, arguments.volumes)
    print(f"\n{arguments.volumes} NIfTI of 128 x 256 x 256, 3 channels, 3d_fullres, {arguments.workers} workers")
    workers = ["-np", arguments.workers, "-npfp", arguments.workers]
    sides[1].run(PLAN_AND_PREPROCESS, "-d", 802, "-c", "3d_fullres", "--no_pp", *workers)
    (sides[0].preprocessed / dataset).mkdir()
    for name in ("dataset.json", "nnUNetPlans.json"):
        (sides[0].preprocessed / dataset / name).write_bytes((sides[1].preprocessed / dataset / name).read_bytes())
    together = compare_commands(sides, "preprocess", PREPROCESS, [802, "3d_fullres", arguments.workers], "<= 0.67")
    stock, ours = compare_single_cases(sides, dataset, "3d_fullres", work)
    report("one case after the other, peak memory", stock.peak_mb, ours.peak_mb, "MB", "one process")
    share = together.peak_mb / (max(1, arguments.workers) * ours.peak_mb)
    print(f"our command's peak memory over workers x one case: {share:.2f} (<= 1.5)")


def main() -> None:
    """Make the data, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=12)
    parser.add_argument("--size", type=int, default=1024, help="height and width of a tile in pixels")
    parser.add_argument("--volumes", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for folder in ("raw", "stock", "ours"):
            (work / folder).mkdir()
        sides = (Side("stock", work / "stock", work / "raw"), Side("ours", work / "ours", work / "raw"))
        print(f"{'':<58}{'stock':>10}{'ours':>10}")
        parts: list[Callable[[tuple[Side, Side], argparse.Namespace, Path], None]] = [compare_tiles]
        if arguments.volumes:
            parts.append(compare_volumes)
        for part in parts:
            part(sides, arguments, work)


if __name__ == "__main__":
    main()
