import pytest
import torch

from nnunetv2.configuration import skip_empty_setting
from nnunetv2.errors import SettingsError
from nnunetv2.inference.empty_tiles import EmptyTiles


def tile(*values: float) -> torch.Tensor:
    return torch.tensor(values)[None, :, None, None].repeat(1, 1, 40, 40)


def test_empty_tiles_of_one_value_are_predicted_once_with_the_same_result() -> None:
    calls = []
    empty = EmptyTiles(lambda batch: calls.append(1) or batch + len(calls))
    first = empty(tile(0.0, 2.0))
    first_copy = first.clone()
    first *= 5  # as the sum of the tiles does
    assert torch.equal(empty(tile(0.0, 2.0)), first_copy)
    assert len(calls) == 1
    empty(tile(0.0, 3.0))
    assert len(calls) == 2


@pytest.mark.parametrize("place", [(0, 0), (3, 5), (39, 39)])
@pytest.mark.parametrize("value", [1.0, float("nan")])
def test_a_single_other_voxel_makes_a_tile_worth_predicting(place: tuple[int, int], value: float) -> None:
    calls = []
    empty = EmptyTiles(lambda batch: calls.append(1) or batch)
    nearly = tile(0.0, 2.0)
    nearly[0, 1][place] = value
    for _ in range(2):
        empty(nearly)
    assert len(calls) == 2


def test_the_setting_is_off_by_default_and_other_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not skip_empty_setting()
    monkeypatch.setenv("nnUNet_skip_empty", "True")
    assert skip_empty_setting()
    monkeypatch.setenv("nnUNet_skip_empty", "maybe")
    with pytest.raises(SettingsError, match=r"^nnUNet_skip_empty is 'maybe', expected true, 1, t, false, 0 or f$"):
        skip_empty_setting()
