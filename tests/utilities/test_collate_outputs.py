import numpy as np
import pytest

from nnunetv2.utilities.collate_outputs import collate_outputs


def test_scalars_arrays_and_lists_are_joined_by_key():
    outputs = [
        {"loss": np.float32(1), "tp": np.array([1, 2]), "names": ["a"]},
        {"loss": 2.0, "tp": np.array([3, 4]), "names": ["b", "c"]},
    ]

    collated = collate_outputs(outputs)

    assert list(collated) == ["loss", "tp", "names"]
    assert collated["loss"] == [1.0, 2.0]
    assert collated["tp"].tolist() == [[1, 2], [3, 4]]
    assert collated["names"] == ["a", "b", "c"]


def test_arrays_without_axes_give_one_column():
    assert collate_outputs([{"loss": np.array(1.0)}, {"loss": np.array(3.0)}])["loss"].shape == (2, 1)


@pytest.mark.parametrize("value", [None, (1,), {}])
def test_other_kinds_are_refused_by_name(value):
    with pytest.raises(ValueError, match=r"output 'odd' of type .*expected a scalar, a numpy array or a list"):
        collate_outputs([{"odd": value}])


def test_an_epoch_without_steps_is_a_clear_error():
    with pytest.raises(ValueError, match="no steps"):
        collate_outputs([])


def test_a_key_missing_in_a_later_step_is_a_key_error():
    with pytest.raises(KeyError, match="b"):
        collate_outputs([{"a": 1, "b": 2}, {"a": 1}])
