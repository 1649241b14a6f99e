from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import DatasetError
from nnunetv2.inference.export_queue import ExportQueue
from nnunetv2.training.validation.next_stage import next_stages, require_previous_stage
from nnunetv2.utilities.plans_handling.model_description import ModelDescription


def test_cases_without_a_previous_stage_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "a.b2nd").write_text("")
    (tmp_path / "b.npz").write_text("")

    require_previous_stage(str(tmp_path), ["a", "b"])
    require_previous_stage(None, ["c"])
    with pytest.raises(DatasetError, match=r"lacks the segmentations of 2 cases.*train all of its folds") as caught:
        require_previous_stage(str(tmp_path), ["a", "c", "d"])
    assert caught.value.problems == ("c", "d")


def test_a_case_that_is_not_preprocessed_for_the_next_stage_is_skipped_with_a_line(tmp_path: Path) -> None:
    managers: Any = SimpleNamespace(next_stage_names=["3d_cascade"])
    plans: Any = SimpleNamespace(get_configuration=lambda name: SimpleNamespace(data_identifier="cascade"))
    lines: list[str] = []
    model = ModelDescription(plans, managers, plans, {})
    (stage,) = next_stages(model, str(tmp_path), str(tmp_path / "model"), lines.append)

    with ExportQueue(0) as exports:
        stage.export(exports, "case_1", np.zeros((2, 1, 1, 1)), {}, model)
        assert exports.finish() == []

    assert "case_1" in lines[0]
    assert not stage.output_folder.exists()


def test_a_configuration_without_a_next_stage_has_none() -> None:
    managers: Any = SimpleNamespace(next_stage_names=None)

    assert next_stages(ModelDescription(managers, managers, managers, {}), "a", "b", print) == []
