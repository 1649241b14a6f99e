import errno
import os
import tempfile

import numpy as np
import pytest

from nnunetv2.foundation import large_zeros as module
from nnunetv2.foundation.large_zeros import large_zeros

SHAPE = (3, 5, 7)


def test_small_arrays_are_in_memory() -> None:
    assert type(large_zeros(SHAPE, np.float32)) is np.ndarray


@pytest.mark.parametrize("reserves", [True, False])
def test_large_arrays_are_zeros_in_a_file_that_has_no_name(tmp_path, monkeypatch, reserves) -> None:
    monkeypatch.setattr(module, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not reserves:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    array = large_zeros(SHAPE, np.float32)
    assert isinstance(array, np.memmap)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.zeros(SHAPE))
    array[1, 2:] = 3
    assert array.sum() == 3 * 3 * 7
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_before_anything_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="TMPDIR") as failure:
        large_zeros((2**60,), np.uint8)
    assert failure.value.errno == errno.ENOSPC


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_where_the_disk_is_full_memory_with_room_is_taken(tmp_path, monkeypatch, number) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_reserve", fail)
    array = large_zeros(SHAPE, np.float32)
    assert type(array) is np.ndarray
    np.testing.assert_array_equal(array, np.zeros(SHAPE, np.float32))
    for left in (np.dtype(np.float32).itemsize * 3 * 5 * 7, None):
        monkeypatch.setattr(module, "available_bytes", lambda left=left: left)
        with pytest.raises(OSError, match="TMPDIR") as failure:
            large_zeros(SHAPE, np.float32)
        assert failure.value.errno == number


def test_other_failures_of_the_disk_are_told(tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(module, "LARGEST_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_reserve", fail)
    with pytest.raises(OSError, match="TMPDIR"):
        large_zeros(SHAPE, np.float32)
