import numpy as np
import pytest

from nnunetv2.inference.output_files import write_npz
from nnunetv2.inference.probability_rows import ProbabilityRows, StoredProbabilities

SHAPE = (3, 1, 20, 15)
BOX = [[0, 1], [4, 18], [2, 13]]


@pytest.mark.parametrize("has_regions", [False, True])
def test_rows_end_up_in_their_place_with_background_around_them(tmp_path, has_regions):
    values = np.random.default_rng(0).random((3, 14, 11), dtype=np.float32)
    stored = StoredProbabilities(tmp_path / "raw", SHAPE)
    rows = ProbabilityRows(stored, BOX, has_regions)
    for top in (5, 0, 10):
        rows.write(top, values[:, top : top + 5])
    write_npz({"probabilities": stored}, tmp_path / "a.npz")
    expected = np.zeros(SHAPE, dtype=np.float32)
    expected[0] = 0 if has_regions else 1
    expected[:, 0, 4:18, 2:13] = values
    assert np.array_equal(np.load(tmp_path / "a.npz")["probabilities"], expected)
    write_npz({"probabilities": expected}, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").stat().st_size == (tmp_path / "b.npz").stat().st_size


def test_a_second_attempt_replaces_the_first(tmp_path):
    stored = StoredProbabilities(tmp_path / "raw", SHAPE)
    for value in (1, 2):
        rows = ProbabilityRows(stored, [[0, 1], [0, 20], [0, 15]], has_regions=False)
        rows.write(0, np.full((3, 20, 15), value, np.float32))
    write_npz({"probabilities": stored}, tmp_path / "a.npz")
    assert (np.load(tmp_path / "a.npz")["probabilities"] == 2).all()
