"""`python -m sample_data.small_plans PLANS`: add a configuration that trains in minutes without a GPU."""

import argparse
import json
from pathlib import Path

CONFIGURATION = "2d_demo"
NETWORK = {
    "n_stages": 5,
    "features_per_stage": [16, 32, 64, 96, 128],
    "kernel_sizes": [[3, 3]] * 5,
    "strides": [[1, 1], [2, 2], [2, 2], [2, 2], [2, 2]],
    "n_conv_per_stage": [2] * 5,
    "n_conv_per_stage_decoder": [2] * 4,
}


def add_demo_configuration(plans_file: Path) -> None:
    """Add `2d_demo` to a plans file: the planned `2d` with a smaller network and patch."""
    plans = json.loads(plans_file.read_text())
    architecture = plans["configurations"]["2d"]["architecture"]
    plans["configurations"][CONFIGURATION] = {
        "inherits_from": "2d",
        "patch_size": [128, 128],
        "batch_size": 3,
        "architecture": {**architecture, "arch_kwargs": {**architecture["arch_kwargs"], **NETWORK}},
    }
    plans_file.write_text(json.dumps(plans, indent=4))
    print(f"added the configuration {CONFIGURATION} to {plans_file}: a small network for two cores")


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m sample_data.small_plans", description=__doc__)
    parser.add_argument("plans", type=Path, help="nnUNetPlans.json of a preprocessed dataset")
    add_demo_configuration(parser.parse_args(argv).plans)


if __name__ == "__main__":
    main()
