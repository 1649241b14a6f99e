import os
from pathlib import Path

import numpy as np
import pytest

from nnunetv2.inference.output_files import arriving_together, write_npz


@pytest.mark.parametrize("last", ["a.png", "b.png", "c.png"])
def test_files_arrive_after_the_block_and_the_named_one_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    arrived: list[str] = []
    move = os.replace
    monkeypatch.setattr(os, "replace", lambda source, to: (arrived.append(Path(to).name), move(source, to)))
    with arriving_together(tmp_path, last) as folder:
        for name in ("b.png", "c.png", "a.png"):
            (folder / name).touch()
            os.utime(folder / name, ns=(0, 0))
        assert arrived == []
    assert sorted(arrived) == sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.png"]
    assert arrived[-1] == last


def test_numpy_reads_the_arrays_of_an_npz_file(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_npz({"probabilities": values, "turned": values.T}, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], values)
        np.testing.assert_array_equal(arrays["turned"], values.T)
