from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import InvalidValueError
from nnunetv2.inference.export_geometry import require_export_geometry

PROPERTIES: dict[str, Any] = {
    "spacing": [999, 1, 1],
    "shape_before_cropping": (1, 10, 12),
    "bbox_used_for_cropping": [[0, 1], [2, 10], [0, 12]],
    "shape_after_cropping_and_before_resampling": (1, 8, 12),
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {
            "shape_before_cropping": np.array([1, 10, 12]),
            "bbox_used_for_cropping": ((0, 1), [np.int64(2), 10], (0, 12)),
        },
    ],
)
def test_what_preprocessing_returns_is_accepted(change: dict[str, Any]) -> None:
    require_export_geometry({**PROPERTIES, **change}, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox_used_for_cropping": [[0, 1], [2, 11], [0, 12]]}, "contradict"),
        ({"bbox_used_for_cropping": [[0, 1], [10, 2], [0, 12]]}, "contradict"),
        ({"bbox_used_for_cropping": [[0, 1], [2, 10]]}, "contradict"),
        ({"bbox_used_for_cropping": "box"}, "contradict"),
        ({"shape_after_cropping_and_before_resampling": (1, 9, 12)}, "contradict"),
        ({"shape_after_cropping_and_before_resampling": None}, "contradict"),
        ({"shape_before_cropping": (1, -10, 12)}, "contradict"),
        ({"shape_before_cropping": (1, 10.5, 12)}, "contradict"),
        ({"shape_before_cropping": (1, 10**9, 10**9)}, "takes 1000000000.0 GB"),
    ],
)
def test_sizes_that_cannot_be_are_refused_in_one_line(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason) as caught:
        require_export_geometry({**PROPERTIES, **change}, 1)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("properties", [{}, {"spacing": 1}, [1], None])
def test_other_things_in_place_of_properties_are_described(properties: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"the properties of the case are .*; expected spacing, shape"):
        require_export_geometry(properties, 1)
