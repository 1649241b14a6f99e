"""`make ablation`: which parts help, on the synthetic dataset for everyone and on real data where there is some.

Makes the dataset in `.ablation/` and runs `drift ablate` on it at the budget `quick`, which shows that it works and not
what helps. Where the variable DRIFT_REAL_DATA names a folder with the real datasets, it then runs the budget `small` on
each of them, which takes hours. It may be stopped and started again; what is finished stays.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sample_data.demo import DATASET, ROOT, run

WORK = ROOT / ".ablation"
REAL = ("Dataset102_Nuclei", "Dataset101_EpiTumorRegions")
"""The dataset that decides, and the one that confirms (docs/ablation.md)."""
TILES = ("--cases-per-domain", "8", "--held-out-per-domain", "1")


@dataclass(frozen=True)
class AblatedDataset:
    """A dataset, where it lies, and how it is ablated."""

    name: str
    raw: Path
    options: tuple[str, ...]
    """Of `drift ablate`."""

    @property
    def number(self) -> str:
        """Its id, for commands."""
        return str(int(self.name[len("Dataset") : len("Dataset") + 3]))


def datasets(options: Sequence[str]) -> list[AblatedDataset]:
    """Return the synthetic dataset and those of the real ones that exist.

    Parameters:
        options: further options of `drift ablate`.
    """
    found = [AblatedDataset(DATASET, WORK / "nnUNet_raw", ("--budget", "quick", "--seeds", "0", *options))]
    folder = os.environ.get("DRIFT_REAL_DATA")
    if folder:
        raw = Path(folder).resolve()
        found += [AblatedDataset(name, raw, ("--budget", "small", *options)) for name in REAL if (raw / name).is_dir()]
    return found


def ablate(dataset: AblatedDataset) -> None:
    """Make or take the dataset, preprocess it unless that is done, and run `drift ablate` on it."""
    variables = {name: str(WORK / name) for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    variables["nnUNet_raw"] = str(dataset.raw)
    prepared = WORK / f"{dataset.name}.prepared"
    if not prepared.exists():
        if dataset.name == DATASET:
            run("python", "-m", "sample_data", "--output", dataset.raw, *TILES, variables=variables)
        run("nnUNetv2_plan_and_preprocess", "-d", dataset.number, "-c", "2d", variables=variables)
        prepared.touch()
    run("drift", "ablate", "-d", dataset.number, *dataset.options, variables=variables)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the ablation of every dataset."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_data.ablation",
        description="Find out which parts help, on made-up data and on the real datasets in the folder that the "
        "variable DRIFT_REAL_DATA names. Other arguments are handed to `drift ablate`.",
    )
    _, options = parser.parse_known_args(argv)
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        (WORK / name).mkdir(parents=True, exist_ok=True)
    found = datasets(options)
    for dataset in found:
        ablate(dataset)
    if len(found) == 1:
        print(f"No real data: set DRIFT_REAL_DATA to a folder with {' and '.join(REAL)} to measure what helps.")


if __name__ == "__main__":
    main()
