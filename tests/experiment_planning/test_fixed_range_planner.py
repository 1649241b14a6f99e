"""Planning with a fixed intensity range."""

import json
from pathlib import Path

from tests.pipeline.factories import make_workspace


def test_plans_differ_from_the_default_ones_in_the_normalisation_only(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    for planner in ("ExperimentPlanner", "nnUNetPlannerFixedRange"):
        assert workspace.plan("--no_pp", "-pl", planner).code == 0
    default, fixed = (
        json.loads((workspace.preprocessed / f"{name}.json").read_text())
        for name in ("nnUNetPlans", "nnUNetPlansFixedRange")
    )
    configuration = fixed["configurations"]["2d"]
    assert configuration.pop("normalization_schemes") == ["RGBTo01Normalization"] * 3
    assert default["configurations"]["2d"].pop("normalization_schemes") == ["ZScoreNormalization"] * 3
    assert configuration.pop("data_identifier") == "nnUNetPlansFixedRange_2d"
    default["configurations"]["2d"].pop("data_identifier")
    for plans in (default, fixed):
        plans.pop("plans_name")
        plans.pop("experiment_planner_used")
    assert fixed == default
