"""`make demo`: a whole multi-domain project, run with the commands that a user types.

Makes a small dataset of several domains in `.demo/`, measures the domains, plans, preprocesses, trains with joint
balancing, predicts held-out tiles, evaluates them by domain and writes the reports. `make demo-quick` does the same
with half of the tiles and of the training steps.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from s1.devices import choose_device
from sample_data.small_plans import CONFIGURATION, add_demo_configuration

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".demo"
DATASET = "Dataset110_SyntheticTissue"


@dataclass(frozen=True)
class DemoSize:
    """How much the demo does."""

    trainer: str
    cases_per_domain: int
    held_out_per_domain: int
    least_dice: float
    """Mean foreground Dice that the held-out tiles of every domain have to reach."""
    closing_words: str


FULL = DemoSize("nnUNetTrainerDemo", 12, 4, 0.8, "")
QUICK = DemoSize(
    trainer="nnUNetTrainerQuickDemo",
    cases_per_domain=6,
    held_out_per_domain=2,
    least_dice=0.6,  # a tile painted in its best single class has less than 0.45
    closing_words="The scores of this quick form tell that everything works, not how good the method is.\n",
)


def run(*words: str | Path, variables: Mapping[str, str] | None = None) -> None:
    """Print a command, run it and print how long it took; if it fails, this program ends with its exit code.

    Parameters:
        variables: of the environment, in place of the demo's.
    """
    print(f"\n$ {shlex.join(short(word) for word in words)}", flush=True)
    program = Path(sys.executable).parent / str(words[0])
    command = [str(program) if program.exists() else sys.executable, *map(str, words[1:])]
    started = time.monotonic()
    finished = subprocess.run(command, cwd=ROOT, env={**environment(), **(variables or {})}, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)
    print(f"({time.monotonic() - started:.0f} s)")


def short(word: str | Path) -> str:
    """Return a path relative to the project's folder."""
    return str(word.relative_to(ROOT)) if isinstance(word, Path) and word.is_relative_to(ROOT) else str(word)


def environment() -> dict[str, str]:
    """Return the environment of all commands: nnU-Net's folders inside `.demo/` and the demo's trainer."""
    folders = {name: str(WORK / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    return {**os.environ, **folders, "nnUNet_extTrainer": str(ROOT / "sample_data" / "demo_trainer")}


def scores_by_domain(domain_summary: Path) -> dict[str, float | None]:
    """Return the mean foreground Dice of each domain."""
    domains = json.loads(domain_summary.read_text())["domains"]
    return {name: domain["foreground"]["Dice"]["mean"] for name, domain in domains.items()}


def check_scores(scores: Mapping[str, float | None], least: float) -> None:
    """Exit with code 1 if the foreground Dice of the held-out tiles is below `least` in any domain."""
    low = {name: score for name, score in scores.items() if score is None or score < least}
    if low or not scores:
        sys.exit(f"error: foreground Dice of held-out tiles below {least}: {low}")


def device() -> str:
    """Return `cuda` if there is a GPU, else `cpu`."""
    return "cpu" if choose_device("auto") is None else "cuda"


def work(size: DemoSize) -> None:
    """Run all steps and print the paths of the reports."""
    raw, preprocessed, results = (WORK / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"))
    data, predictions = raw / DATASET, WORK / "predictions"
    model = results / DATASET / f"{size.trainer}__nnUNetPlans__{CONFIGURATION}"
    on_device = ("-device", device())
    tiles = ("--cases-per-domain", str(size.cases_per_domain), "--held-out-per-domain", str(size.held_out_per_domain))

    run("python", "-m", "sample_data", "--output", raw, *tiles)
    run("python", ROOT / "s1" / "PRISMDD.py", "-d", "110")
    run("nnUNetv2_plan_and_preprocess", "-d", "110", "-c", "2d", "--verify_dataset_integrity")
    add_demo_configuration(preprocessed / DATASET / "nnUNetPlans.json")
    run("nnUNetv2_train", "110", CONFIGURATION, "0", "-tr", size.trainer, *on_device)
    which = ("-d", "110", "-c", CONFIGURATION, "-f", "0", "-tr", size.trainer)
    run("nnUNetv2_predict", "-i", data / "imagesTs", "-o", predictions, *which, *on_device)
    described = ("-djfile", model / "dataset.json", "-pfile", model / "plans.json")
    domains = ("--domains", data / "domains_test.json")
    run("nnUNetv2_evaluate_folder", data / "labelsTs", predictions, *described, *domains)
    held_out, report = WORK / "held_out.html", WORK / "report.html"
    run("drift", "report", "--predictions", predictions, "--images-dir", data / "imagesTs", "-o", held_out)
    run("drift", "report", model, "-o", report)
    check_scores(scores_by_domain(predictions / "domain_summary.json"), size.least_dice)
    print(f"\nOpen in a browser:\n  the model: {report}\n  the held-out tiles: {held_out}")
    print(f"  the domains: {data / 'prism_dd.html'}\n{size.closing_words}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the demo in an empty folder `.demo/`."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_data.demo", description="Run a whole project on made-up data."
    )
    parser.add_argument("--quick", action="store_true", help="half of the tiles and of the training steps")
    size = QUICK if parser.parse_args(argv).quick else FULL
    started = time.monotonic()
    shutil.rmtree(WORK, ignore_errors=True)
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (WORK / name).mkdir(parents=True)
    work(size)
    print(f"Finished after {(time.monotonic() - started) / 60:.1f} minutes.")
    print("Next, with images and masks of your own:  .venv/bin/drift start YOUR_FOLDER  (docs/tutorial.md)")


if __name__ == "__main__":
    main()
