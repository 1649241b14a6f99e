import math
from collections import OrderedDict

import numpy as np
import torch

from nnunetv2.foundation.plain_values import converted, nan_as_none, to_plain


def test_numbers_and_arrays_at_any_depth_become_plain() -> None:
    found = to_plain({np.int64(3): [np.float32(0.5), (torch.tensor(2), np.array([1, 2]))], "name": "text"})

    assert found == {3: [0.5, (2, [1, 2])], "name": "text"}
    assert type(next(iter(found))) is int


def test_numbers_that_json_cannot_hold_become_none() -> None:
    assert nan_as_none({"a": [math.nan, 1.5, None], "b": {"c": math.inf}, "d": 3}) == {
        "a": [None, 1.5, None],
        "b": {"c": None},
        "d": 3,
    }


def test_an_ordered_dictionary_is_one_value() -> None:
    weights = OrderedDict(layer=1)

    assert converted([weights], lambda leaf: leaf)[0] is weights
