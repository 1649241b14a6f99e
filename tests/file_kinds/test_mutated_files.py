"""Valid files with one or two random faults: each is either usable, or refused in one line a fault."""

import copy
import json
import math
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnunetv2.errors import DriftError
from tests.file_kinds.valid_files import KINDS

NAMED_WITHOUT_FOLDER = "dataset.json"
"""LabelManager gets a dict and cannot name more than the file's usual name."""
ODD: list[Any] = [
    *(None, True, 0, 1, -1, 2.5, 10**9, 10**200, -0.0, 1e308, 1e-320, math.nan, math.inf),
    *("", " ", "x", "../x", "a/b", "a\nb", "7" * 400, "1", "(", "__class__", "\u202e"),
    *([], [[]], ["x"], [1, 2, 3], [0, -1], {}, {"x": 1}, {"": None}, [[[[1]]]]),
]


def places_in(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys and positions that lead to each value of a content."""
    items = content.items() if isinstance(content, dict) else enumerate(content if isinstance(content, list) else ())
    return [place, *(deeper for key, value in items for deeper in places_in(value, (*place, key)))]


@st.composite
def faults(draw: st.DrawFn, valid: Any) -> Any:
    """Draw the content with one or two values dropped, replaced, wrapped or renamed."""
    content = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(places_in(content)))
        if not place:
            if draw(st.integers(0, 20)) == 0:
                return draw(st.sampled_from(ODD))
            continue
        around = content
        for key in place[:-1]:
            around = around[key]
        change = draw(st.sampled_from(["replace", "replace", "drop", "wrap", "rename", "repeat"]))
        _change(around, place[-1], change, copy.deepcopy(draw(st.sampled_from(ODD))))
    return content


def _change(around: Any, key: Any, change: str, odd: Any) -> None:
    if change == "drop":
        del around[key]
    elif change == "wrap":
        around[key] = [around[key]]
    elif change == "rename" and isinstance(around, dict):
        around[str(odd)[:50]] = around.pop(key)
    elif change == "repeat" and isinstance(around, list):
        around.append(around[key])
    else:
        around[key] = odd


@pytest.mark.parametrize("kind", KINDS)
def test_valid_files_are_read(kind: str, tmp_path: Path) -> None:
    name, valid, use = KINDS[kind]
    (tmp_path / name).write_text(json.dumps(valid))
    use(tmp_path / name)


@pytest.mark.filterwarnings("ignore:These plans are older than nnU-Net 2.3.1")  # without an architecture
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_faulty_file_is_usable_or_refused_in_lines_that_name_it(
    kind: str, data: st.DataObject, tmp_path: Path
) -> None:
    name, valid, use = KINDS[kind]
    path = tmp_path / name
    path.write_text(json.dumps(data.draw(faults(valid))))
    with suppress(DriftError):
        use(path)
        return
    with pytest.raises(DriftError) as caught:
        use(path)
    message = str(caught.value)
    assert str(path) in message or NAMED_WITHOUT_FOLDER in message
    head, *others = message.splitlines()
    assert all(line.startswith("  ") for line in others)
    assert len(others) < 30
    assert not any(unicodedata.category(character) == "Cc" for character in head)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "null", "[]", '"x"', "3", "{", "[" * 50_000, "9" * 5000, "\ufeff", "\udcff"])
def test_a_file_of_something_else_is_refused_in_one_line(kind: str, text: str, tmp_path: Path) -> None:
    name, _, use = KINDS[kind]
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    if (kind, text) == ("splits", "[]"):  # no folds: a random one is drawn, as in nnU-Net
        return
    with pytest.raises(DriftError) as caught:
        use(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2
