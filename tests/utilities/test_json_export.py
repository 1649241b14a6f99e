import json

import numpy as np
import torch

from nnunetv2.utilities.json_export import fix_types_iterable, recursive_fix_for_json_export


def test_numpy_values_become_python_values_in_place():
    content = {
        "float": np.float32(1.5),
        "int": np.uint8(3),
        "bool": np.bool_(True),
        "array": np.arange(3, dtype=np.uint16),
        "matrix": np.eye(2),
        "inner": {"list": [np.int64(1), {"deep": np.float64(2)}], "tuple": (np.int32(1), "a")},
        "text": "t",
        "none": None,
    }
    inner = content["inner"]

    assert recursive_fix_for_json_export(content) is None

    assert content["inner"] is inner
    assert inner == {"list": [1, {"deep": 2.0}], "tuple": (1, "a")}
    assert type(inner["tuple"]) is tuple
    assert json.loads(json.dumps(content)) == {
        "float": 1.5,
        "int": 3,
        "bool": True,
        "array": [0, 1, 2],
        "matrix": [[1.0, 0.0], [0.0, 1.0]],
        "inner": {"list": [1, {"deep": 2.0}], "tuple": [1, "a"]},
        "text": "t",
        "none": None,
    }
    assert type(content["bool"]) is bool
    assert type(content["array"][0]) is int


def test_numpy_keys_become_python_keys_and_order_stays():
    content = {np.int64(2): "b", "x": "c", np.int64(1): "a"}

    recursive_fix_for_json_export(content)

    assert [(key, type(key)) for key in content] == [(2, int), ("x", str), (1, int)]


def test_a_torch_device_becomes_its_name():
    content = {"device": torch.device("cpu"), "devices": [torch.device("cuda", 1)]}

    recursive_fix_for_json_export(content)

    assert content == {"device": "cpu", "devices": ["cuda:1"]}


def test_other_types_stay_as_they_are():
    marker = object()
    content = {"set": {1}, "range": range(2), "object": marker}

    recursive_fix_for_json_export(content)

    assert content == {"set": {1}, "range": range(2), "object": marker}


def test_elements_are_returned_in_the_requested_container():
    assert fix_types_iterable(np.array([1, 2]), tuple) == (1, 2)
