"""`make demo`: a whole multi-domain project, run with the commands that a user types.

Makes a small dataset of several domains in `.demo/`, measures the domains, plans, preprocesses, trains with joint
balancing, predicts held-out tiles, evaluates them by domain and writes the reports.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".demo"
DATASET = "Dataset110_SyntheticTissue"
CONFIGURATION = "2d_demo"
TRAINER = "nnUNetTrainerDemo"
LEAST_DICE = 0.8

DEMO_NETWORK = {
    "n_stages": 5,
    "features_per_stage": [16, 32, 64, 96, 128],
    "kernel_sizes": [[3, 3]] * 5,
    "strides": [[1, 1], [2, 2], [2, 2], [2, 2], [2, 2]],
    "n_conv_per_stage": [2] * 5,
    "n_conv_per_stage_decoder": [2] * 4,
}


def add_demo_configuration(plans_file: Path) -> None:
    """Add a configuration that trains in minutes without a GPU: the planned `2d` with a smaller network and patch."""
    plans = json.loads(plans_file.read_text())
    architecture = plans["configurations"]["2d"]["architecture"]
    plans["configurations"][CONFIGURATION] = {
        "inherits_from": "2d",
        "patch_size": [128, 128],
        "batch_size": 6,
        "architecture": {**architecture, "arch_kwargs": {**architecture["arch_kwargs"], **DEMO_NETWORK}},
    }
    plans_file.write_text(json.dumps(plans, indent=4))
    print(f"\nadded the configuration {CONFIGURATION} to {plans_file.relative_to(ROOT)}: a small network for two cores")


def run(*words: str | Path) -> None:
    """Print a command and run it; if it fails, the demo ends with its exit code."""
    print(f"\n$ {shlex.join(short(word) for word in words)}", flush=True)
    program = Path(sys.executable).parent / str(words[0])
    command = [str(program) if program.exists() else sys.executable, *map(str, words[1:])]
    finished = subprocess.run(command, cwd=ROOT, env=environment(), check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def short(word: str | Path) -> str:
    """Return a path relative to the project's folder."""
    return str(word.relative_to(ROOT)) if isinstance(word, Path) and word.is_relative_to(ROOT) else str(word)


def environment() -> dict[str, str]:
    """Return the environment of all commands: nnU-Net's folders inside `.demo/` and the demo's trainer."""
    folders = {name: str(WORK / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    return {**os.environ, **folders, "nnUNet_extTrainer": str(ROOT / "sample_data" / "demo_trainer")}


def check_scores(domain_summary: Path) -> None:
    """Exit with code 1 if the mean foreground Dice of the held-out tiles is below 0.8 in any domain."""
    domains = json.loads(domain_summary.read_text())["domains"]
    scores = {name: domain["foreground"]["Dice"]["mean"] for name, domain in domains.items()}
    low = {name: score for name, score in scores.items() if score is None or score < LEAST_DICE}
    if low:
        sys.exit(f"error: foreground Dice of held-out tiles below {LEAST_DICE}: {low}")


def device() -> str:
    """Return `cuda` if there is a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    """Run all steps and print the paths of the reports."""
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    raw, preprocessed, results = (WORK / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"))
    for folder in (raw, preprocessed, results):
        folder.mkdir(parents=True)
    data, predictions = raw / DATASET, WORK / "predictions"
    model = results / DATASET / f"{TRAINER}__nnUNetPlans__{CONFIGURATION}"
    on_device = ("-device", device())

    run("python", "-m", "sample_data", "--output", raw)
    run("python", ROOT / "s1" / "PRISMDD.py", "-d", "110")
    run("nnUNetv2_plan_and_preprocess", "-d", "110", "-c", "2d", "--verify_dataset_integrity")
    add_demo_configuration(preprocessed / DATASET / "nnUNetPlans.json")
    run("nnUNetv2_train", "110", CONFIGURATION, "0", "-tr", TRAINER, *on_device)
    which = ("-d", "110", "-c", CONFIGURATION, "-f", "0", "-tr", TRAINER)
    run("nnUNetv2_predict", "-i", data / "imagesTs", "-o", predictions, *which, *on_device)
    described = ("-djfile", model / "dataset.json", "-pfile", model / "plans.json")
    domains = ("--domains", data / "domains_test.json")
    run("nnUNetv2_evaluate_folder", data / "labelsTs", predictions, *described, *domains)
    held_out, report = WORK / "held_out.html", WORK / "report.html"
    run("drift", "report", "--predictions", predictions, "--images-dir", data / "imagesTs", "-o", held_out)
    run("drift", "report", model, "-o", report)
    check_scores(predictions / "domain_summary.json")
    print(f"\nFinished after {(time.monotonic() - started) / 60:.1f} minutes. Open in a browser:")
    print(f"  the model: {report}\n  the held-out tiles: {held_out}\n  the domains: {data / 'prism_dd.html'}")


if __name__ == "__main__":
    main()
