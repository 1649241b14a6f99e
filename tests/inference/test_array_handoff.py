import numpy as np
import pytest

from nnunetv2.inference.array_handoff import hand_over, take

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("as_in_memory", [False, True])
@pytest.mark.parametrize("array", [PIXELS, PIXELS.transpose(2, 0, 1)[:, None], PIXELS[:, :, 0], PIXELS[::-1, 1:4].T])
def test_the_receiver_gets_the_values_and_the_file_goes(tmp_path, array, as_in_memory):
    received = take(hand_over(array, tmp_path, as_in_memory))
    assert np.array_equal(received, array)
    assert received.dtype == array.dtype
    assert not list(tmp_path.iterdir())


def test_a_view_of_interleaved_colours_is_written_as_it_lies_in_memory(tmp_path):
    view = PIXELS.transpose(2, 0, 1)[:, None]
    received = take(hand_over(view, tmp_path, as_in_memory=True))
    assert received.squeeze(1).strides == view.squeeze(1).strides
    assert take(hand_over(view, tmp_path)).flags.c_contiguous
