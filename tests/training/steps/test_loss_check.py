import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nnunetv2.errors import NonFiniteLossError
from nnunetv2.training.steps.loss_check import end_at_non_finite_loss, is_finite

MOMENT = {"epoch": 3, "step": 12, "rank": 1, "learning_rate": 0.01}


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        *((0.5, True), (np.array(0.5), True), (torch.tensor(1.0), True), ("text", True), (None, True)),
        *((np.array([math.nan]), False), (-math.inf, False)),
    ],
)
def test_only_numbers_that_are_not_finite_count(loss: Any, expected: bool) -> None:
    assert is_finite({"loss": loss}) is expected
    assert is_finite({})


def test_the_error_names_the_cases_and_the_file_describes_the_batch(tmp_path: Path) -> None:
    images = torch.tensor([[[1.0, 3.0]], [[math.nan, math.inf]]])
    batch = {
        "data": images,
        "target": [torch.tensor([[[0, 2]], [[1, 1]]]), torch.zeros(1)],
        "keys": np.array(["case_a", "case_b"]),
    }
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.bias.fill_(math.nan)

    with pytest.raises(
        NonFiniteLossError, match=r"epoch 3, training step 12: the loss is nan\..*case_a, case_b; "
    ) as caught:
        end_at_non_finite_loss(batch, {"loss": np.array(math.nan)}, network, MOMENT, str(tmp_path))

    file = tmp_path / "non_finite_loss_rank_1.json"
    assert str(file) in str(caught.value)
    content = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert {name: content[name] for name in MOMENT} == MOMENT
    assert content["step_output"] == {"loss": "nan"}
    assert content["weights_not_finite_after_the_step"] == ["bias"]
    assert content["batch"] == [
        {"case": "case_a", "channels": [channel(1.0, 3.0, 2.0, 0)], "labels": [{"0": 1, "2": 1}]},
        {"case": "case_b", "channels": [channel("nan", "nan", "nan", 2)], "labels": [{"1": 2}]},
    ]


def channel(least: Any, greatest: Any, mean: Any, not_finite: int) -> dict[str, Any]:
    return {"least": least, "greatest": greatest, "mean": mean, "not_finite": not_finite}


def test_a_batch_of_another_form_is_described_as_far_as_it_goes(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match="batch: unknown; "):
        end_at_non_finite_loss({"data": 1}, {"loss": math.inf}, nn.Linear(1, 1), MOMENT, str(tmp_path))
    assert json.loads((tmp_path / "non_finite_loss_rank_1.json").read_text())["batch"] == []
