import copyreg
import io
import pickle
import resource
import struct
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.safe_loading.pickle_reader import read_pickle
from nnunetv2.foundation.safe_loading.safe_pickle import load_pickle
from tests.foundation.safe_loading.hostile_pickles import (
    CANARY,
    EXTENSION,
    HOSTILE,
    ODD,
    SING,
    dtype,
    named,
    named_in_text,
    text,
)

MOST_MEMORY_BYTES = 800 << 20
LONGEST_S = 30
PLAIN = (bool, int, float, complex, str, bytes, bytearray, type(None), slice, range, np.ndarray, np.generic, np.dtype)


@pytest.fixture(autouse=True)
def _little_memory_and_a_silent_canary() -> Iterator[None]:
    """Let this process take little more memory than it has; a MemoryError is then a failure of the test."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_MEMORY_BYTES, before[1]))
    CANARY.clear()
    copyreg.add_extension(*SING, EXTENSION)
    yield
    copyreg.remove_extension(*SING, EXTENSION)
    resource.setrlimit(resource.RLIMIT_AS, before)
    assert CANARY == []


def save(content: bytes, folder: Path) -> Path:
    path = folder / "case.pkl"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_in_one_line_and_runs_nothing(name: str, tmp_path: Path) -> None:
    start = time.process_time()
    with pytest.raises(CheckpointError, match=r"case\.pkl: ") as caught:
        load_pickle(save(HOSTILE[name], tmp_path))
    assert time.process_time() - start < LONGEST_S
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500 + len(str(tmp_path))
    assert "MemoryError" not in str(caught.value)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_harmless_pickle_is_read(name: str, tmp_path: Path) -> None:
    content, expected = ODD[name]
    np.testing.assert_equal(load_pickle(save(content, tmp_path)), expected)


def test_the_canary_sings_where_a_pickle_is_trusted() -> None:
    for name in ("INST", "EXT1", f"{'.'.join(SING)}, protocol 4"):
        pickle.loads(HOSTILE[name])
    assert len(CANARY) == 3
    CANARY.clear()


def test_a_function_that_a_file_may_refer_to_cannot_be_called_or_changed(tmp_path: Path) -> None:
    allowed = {SING: CANARY.append}
    assert load_pickle(save(b"\x80\x04" + named(*SING) + b".", tmp_path), allowed) == CANARY.append
    for ending in (b")R.", b"N}" + text("__defaults__") + b"Ns\x86b."):
        with pytest.raises(CheckpointError):
            load_pickle(save(b"\x80\x04" + named(*SING) + ending, tmp_path), allowed)


def legitimate() -> list[Any]:
    """Values as readers and preprocessors store them, with arrays of all layouts."""
    cube = np.arange(24.0).reshape(2, 3, 4)
    fixed = np.eye(2)
    fixed.flags.writeable = False
    arrays = [
        *(cube, cube.transpose(1, 0, 2), cube[:, ::2], np.asfortranarray(cube), np.array(1.5), np.zeros((0, 3)), fixed),
        *(np.arange(3, dtype=">u2")[::-1], np.array(["a", "bc"]), np.array([b"x"]), np.array([1 + 2j]), cube > 3),
    ]
    numbers = [np.float16(1), np.longdouble(2), np.int64(-3), np.bool_(True), np.str_("a"), np.bytes_(b"b")]
    containers = [{(1, 2): 3, np.int64(4): [5]}, OrderedDict(a=np.eye(1)), {1, 2}, frozenset([3]), (), [], {}, set()]
    plain = [1j, range(5), slice(None, 2), 2**70, -1, "é\u1234\U0001f600", b"\xff" * 300, b"", bytearray(b"a"), None]
    return [*arrays, *numbers, *containers, *plain, True, 0.25, np.dtype(">f4"), np.dtype("U3")]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_legitimate_values_are_read_as_pythons_unpickler_reads_them(protocol: int) -> None:
    content = pickle.dumps(legitimate(), protocol)
    read, expected = read_pickle(io.BytesIO(content), len(content), {}), pickle.loads(content)
    np.testing.assert_equal(read, expected)
    for ours, theirs in zip(read, expected, strict=True):
        assert type(ours) is type(theirs)
        if isinstance(ours, np.ndarray):
            assert (ours.dtype, ours.flags.writeable) == (theirs.dtype, theirs.flags.writeable)
            assert ours.strides == theirs.strides or not ours.size


def assert_plain_or_refused(content: bytes) -> None:
    try:
        value = read_pickle(io.BytesIO(content), len(content), {})
    except (pickle.UnpicklingError, ValueError, TypeError, IndexError, KeyError, OverflowError):
        return
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            waiting += item
        else:
            assert isinstance(item, PLAIN)


def with_a_number_that_is_no_character(value: object, protocol: int) -> bytes:
    characters, no_characters = np.array([0x61, 0x62], "<u4").tobytes(), np.array([0x61, 0x110000], "<u4").tobytes()
    content = pickle.dumps(value, protocol)
    for coded in (bytes, lambda raw: raw.decode("latin-1").encode()):  # as bytes, or as text of one character a byte
        content = content.replace(coded(characters), coded(no_characters))
    return content


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value", [np.array(["a", "b"]), np.array(["ab"]), np.str_("ab")], ids=["two", "array", "scalar"]
)
def test_texts_of_numpy_with_numbers_that_are_no_characters_are_refused(value: object, protocol: int) -> None:
    content = with_a_number_that_is_no_character(value, protocol)
    assert content != pickle.dumps(value, protocol)
    with pytest.raises(pickle.UnpicklingError, match="malformed text"):
        read_pickle(io.BytesIO(content), len(content), {})


MUTATED = [*(pickle.dumps(legitimate(), protocol) for protocol in range(6)), *(content for content, _ in ODD.values())]
NAMES = [SING, ("numpy", "ndarray"), ("numpy", "dtype"), ("builtins", "set"), ("collections", "OrderedDict")]
NAMES += [("numpy._core.multiarray", name) for name in ("scalar", "_reconstruct")] + [("_codecs", "encode")]
REFERENCES = [reference(*name) for name in NAMES for reference in (named, named_in_text)]
CODES = b"()]}NtesuabR0120odl\x81\x85\x86\x87\x88\x8f\x90\x91\x93\x94"
INSTRUCTIONS = st.one_of(
    st.sampled_from([*(bytes([code]) for code in CODES), dtype("f8")]),
    st.sampled_from(REFERENCES),
    st.integers(0, 255).map(lambda number: b"K" + bytes([number])),
    st.integers(0, 4).map(lambda number: b"h" + bytes([number])),
    st.integers(0, 2**32 - 1).map(lambda number: b"r" + struct.pack("<I", number)),
    st.text(max_size=5).map(text),
    st.binary(max_size=16).map(lambda content: b"C" + bytes([len(content)]) + content),
)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_plain_values_or_are_refused(content: bytes) -> None:
    assert_plain_or_refused(content)


@given(st.lists(INSTRUCTIONS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_instructions_give_plain_values_or_are_refused(parts: list[bytes]) -> None:
    assert_plain_or_refused(b"\x80\x04" + b"".join(parts) + b".")


@given(st.sampled_from(MUTATED), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_changed_bytes_of_legitimate_pickles_give_plain_values_or_are_refused(
    content: bytes, changes: list[tuple[float, int]]
) -> None:
    changed = bytearray(content)
    for place, value in changes:
        changed[int(place * (len(changed) - 1))] = value
    assert_plain_or_refused(bytes(changed))
