import subprocess
import sys

import numpy as np
import pytest

from nnunetv2.errors import SettingsError
from nnunetv2.preprocessing.resampling import utils
from nnunetv2.preprocessing.resampling.no_resampling import no_resampling_hack
from nnunetv2.preprocessing.resampling.utils import recursive_find_resampling_fn_by_name


@pytest.mark.parametrize(
    "name",
    [
        "resample_data_or_seg_to_shape",
        "resample_data_or_seg_to_spacing",
        "resample_torch_fornnunet",
        "resample_torch_simple",
        "no_resampling_hack",
    ],
)
def test_functions_are_found_by_their_name(name: str) -> None:
    assert recursive_find_resampling_fn_by_name(name).__name__ == name


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(SettingsError, match="no resampling function named 'resample_nothing'"):
        recursive_find_resampling_fn_by_name("resample_nothing")


def test_no_resampling_returns_the_same_object() -> None:
    data = np.zeros((1, 2, 3, 4))
    assert no_resampling_hack(data, (5, 6, 7), (1, 1, 1), (2, 2, 2)) is data


def test_the_default_function_is_found_without_torch() -> None:
    code = (
        "import sys; from nnunetv2.preprocessing.resampling.utils import recursive_find_resampling_fn_by_name as find;"
        "find('resample_data_or_seg_to_shape'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_client_makes_the_finder_return_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utils, "recursive_find_python_class", lambda *_: no_resampling_hack)
    assert recursive_find_resampling_fn_by_name("of_a_client") is no_resampling_hack
    monkeypatch.setattr(utils, "recursive_find_python_class", lambda *_: len)
    assert recursive_find_resampling_fn_by_name("of_a_client") is len
