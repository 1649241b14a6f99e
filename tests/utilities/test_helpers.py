import subprocess
import sys

import pytest
import torch

from nnunetv2.utilities.helpers import (
    dummy_context,
    empty_cache,
    sigmoid_helper,
    softmax_helper_dim0,
    softmax_helper_dim1,
)


def test_probabilities_add_up_along_the_axis_of_the_name():
    logits = torch.arange(24.0).reshape(2, 3, 4)

    assert torch.equal(softmax_helper_dim0(logits), torch.softmax(logits, 0))
    assert torch.equal(softmax_helper_dim1(logits), torch.softmax(logits, 1))
    assert torch.equal(sigmoid_helper(logits), torch.sigmoid(logits))


def test_the_cpu_has_no_cache_to_empty():
    empty_cache(torch.device("cpu"))


def test_the_cache_of_the_device_is_emptied(monkeypatch):
    called = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: called.append("cuda"))
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: called.append("mps"))

    empty_cache(torch.device("cuda"))
    empty_cache(torch.device("mps"))

    assert called == ["cuda", "mps"]


def test_the_empty_context_lets_errors_through():
    with pytest.raises(KeyError, match="inside"), dummy_context():
        raise KeyError("inside")


def test_plans_and_labels_are_read_without_importing_torch():
    script = """
import sys
import nnunetv2.utilities.file_path_utilities, nnunetv2.utilities.find_objects
import nnunetv2.utilities.get_network_from_plans
import nnunetv2.utilities.json_export, nnunetv2.file_kinds.raw_dataset, nnunetv2.utilities.utils
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
manager = PlansManager({"label_manager": "LabelManager", "configurations": {}})
manager.get_label_manager({"labels": {"background": 0, "a": [1, 2], "b": 2}, "regions_class_order": [1, 2]})
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
