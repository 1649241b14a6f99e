"""Planning with normalisation to a range."""

import json
from pathlib import Path

import pytest

from tests.pipeline.factories import Workspace, make_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_workspace(tmp_path_factory.mktemp("planned"))
    assert workspace.plan("--no_pp").code == 0
    return workspace


def plans(workspace: Workspace, name: str) -> dict:
    return json.loads((Path(workspace.preprocessed) / f"{name}.json").read_text())


@pytest.mark.parametrize(("kind", "scheme"), [("FixedRange", "RGBTo01"), ("ImageRange", "RescaleTo01")])
def test_plans_differ_from_the_default_ones_in_the_normalisation_only(
    workspace: Workspace, kind: str, scheme: str
) -> None:
    assert workspace.plan("--no_pp", "-pl", f"nnUNetPlanner{kind}").code == 0
    default, ranged = plans(workspace, "nnUNetPlans"), plans(workspace, f"nnUNetPlans{kind}")
    configuration = ranged["configurations"]["2d"]
    assert configuration.pop("normalization_schemes") == [f"{scheme}Normalization"] * 3
    assert default["configurations"]["2d"].pop("normalization_schemes") == ["ZScoreNormalization"] * 3
    assert configuration.pop("data_identifier") == f"nnUNetPlans{kind}_2d"
    default["configurations"]["2d"].pop("data_identifier")
    for content in (default, ranged):
        content.pop("plans_name")
        content.pop("experiment_planner_used")
    assert ranged == default


def test_the_plans_may_have_another_name(workspace: Workspace) -> None:
    options = ("-pl", "nnUNetPlannerImageRange", "-overwrite_plans_name", "OtherPlans")
    assert workspace.plan("--no_pp", *options).code == 0
    assert plans(workspace, "OtherPlans")["plans_name"] == "OtherPlans"
