"""The pixel size of a model: given, stated, or an error; never guessed."""

from typing import Any

import pytest

from nnunetv2.errors import MissingPixelSizeError, SettingsError
from nnunetv2.pathology.prediction.model_resolution import model_mpp


def test_what_the_user_gives_comes_first_then_what_the_dataset_states() -> None:
    stated = {"drift": {"mpp": 0.5}}
    assert model_mpp("M", stated, [1.0, 1.0], 0.25) == 0.25
    assert model_mpp("M", stated, [1.0, 1.0]) == 0.5


@pytest.mark.parametrize("content", [{}, {"drift": None}, {"drift": {"tile": 1024}}, {"drift": 0.5}])
def test_a_model_that_states_nothing_is_an_error_with_its_spacing_as_a_hint(content: dict[str, Any]) -> None:
    with pytest.raises(MissingPixelSizeError) as caught:
        model_mpp("FOLDER", content, [1, 1])
    assert str(caught.value) == (
        "model FOLDER does not state the pixel size it was trained at. Pass --mpp, for example --mpp 0.5; its plans"
        " have the spacing [1.0, 1.0]"
    )


@pytest.mark.parametrize("size", ["0.5", True, 0, 300.0, float("nan"), [0.5]])
def test_a_size_that_is_none_is_refused_whoever_states_it(size: Any) -> None:
    with pytest.raises(SettingsError, match=r"M.dataset\.json: drift\.mpp is .*, expected 0\.05 to 20"):
        model_mpp("M", {"drift": {"mpp": size}}, [1, 1])
    with pytest.raises(SettingsError, match="--mpp is"):
        model_mpp("M", {}, [1, 1], size)
