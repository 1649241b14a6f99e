import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnunetv2.errors import CheckpointError
from nnunetv2.postprocessing.remove_connected_components import (
    load_postprocessing,
    remove_all_but_largest_component_from_segmentation,
)

KEEP_LARGEST = remove_all_but_largest_component_from_segmentation


def saved(content: object, folder: Path) -> Path:
    path = folder / "postprocessing.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [{"labels_or_regions": 1}],
        [{"labels_or_regions": (1, 2), "background_label": 0}],
        [{"labels_or_regions": [1, np.int64(2), (1, 3)]}],
    ],
)
def test_what_nnunet_writes_is_read(arguments: list[Any], tmp_path: Path) -> None:
    functions = [KEEP_LARGEST] * len(arguments)
    assert load_postprocessing(saved((functions, arguments), tmp_path)) == (functions, arguments)


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"spacing": (1, 1), "shape": 3}, r"a dict with 'spacing' and 'shape', the properties of a case; expected"),
        ({"a": 1, "b": 2}, r"a dict with 'a' and 'b'; expected a list of functions"),
        ([1, 2, 3], "a list of 3 values"),
        (([KEEP_LARGEST], []), "a tuple of 2 values"),
        (([1], [{}]), "a tuple of 2 values"),
        (([KEEP_LARGEST], [[1]]), "a tuple of 2 values"),
        (None, "a NoneType"),
    ],
)
def test_another_file_is_refused_in_one_line_that_says_what_it_holds(content: Any, shown: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"^.*postprocessing\.pkl: holds {shown}.*$"):
        load_postprocessing(saved(content, tmp_path))


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"labels_or_regions": "1"},
        {"labels_or_regions": -1},
        {"labels_or_regions": [[["deep"]]]},
        {"labels_or_regions": 1, "background_label": 2**40},
        {"labels_or_regions": 1, "segmentation": 0},
    ],
)
def test_unknown_arguments_are_refused(keywords: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="the arguments of step 1 are"):
        load_postprocessing(saved(([KEEP_LARGEST], [keywords]), tmp_path))
