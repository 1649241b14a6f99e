from typing import Any

import torch

from nnunetv2.training.steps.unseen_labels import UnseenLabels, in_words
from nnunetv2.utilities.label_handling.label_handling import LabelManager

NAMES = {"background": 0, "stroma": 1, "tumor": 2, "ignore": 3}
REGIONS: dict[str, Any] = {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}


def target(*labels: int) -> torch.Tensor:
    return torch.tensor(labels, dtype=torch.int16).reshape(1, 1, -1)


def test_labels_are_unseen_until_a_batch_has_them() -> None:
    unseen = UnseenLabels(LabelManager(NAMES, None))
    assert unseen.labels == [0, 1, 2]
    unseen.look({"target": target(0, 0)})
    unseen.look({"target": [target(1, 3), target(2, 2)]})
    assert unseen.labels == [2], "of deep supervision the finest scale counts; the ignore label is none"
    assert in_words(unseen.labels, NAMES) == "2 (tumor)"


def test_regions_are_channels() -> None:
    unseen = UnseenLabels(LabelManager(REGIONS, [1, 2]))
    unseen.look({"target": torch.tensor([[[True, False], [False, False], [True, True]]])})
    assert unseen.labels == [2]
    assert in_words([(1, 2), 2], REGIONS) == "(1, 2) (whole), 2 (core)"


def test_nothing_is_looked_for_without_labels_or_without_a_target() -> None:
    nothing = UnseenLabels(None)
    nothing.look({"target": object()})
    assert nothing.labels == []
    unseen = UnseenLabels(LabelManager(NAMES, None))
    unseen.look({"data": torch.zeros(1)})
    assert unseen.labels == [0, 1, 2]
