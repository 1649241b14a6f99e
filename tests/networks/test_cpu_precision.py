from pathlib import Path

import pytest
import torch
from torch import nn

from nnunetv2.errors import SettingsError
from nnunetv2.networks import cpu_precision
from nnunetv2.networks.cpu_precision import uses_bfloat16
from nnunetv2.networks.several_calls import call_for_each


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """A computer on which bfloat16 is twice as fast; the list grows with each measurement."""
    times = []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("nnUNet_cpu_precision", "auto")
    monkeypatch.setattr(cpu_precision, "_measure", lambda: times.append(1) or 2.0)
    return times


def in_a_new_process() -> bool:
    cpu_precision._bfloat16_is_faster.cache_clear()
    return uses_bfloat16()


def test_float32_is_the_default_and_other_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not uses_bfloat16()
    monkeypatch.setenv("nnUNet_cpu_precision", "fp16")
    with pytest.raises(SettingsError, match=r"^nnUNet_cpu_precision is 'fp16', expected fp32, bf16 or auto$"):
        uses_bfloat16()


def test_a_computer_is_measured_once(measured: list[int]) -> None:
    assert in_a_new_process()
    assert in_a_new_process()
    assert len(measured) == 1


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"a": "fast"}', b'{"a": NaN}', b'{"a": 2.0' + b" " * 20_000, b"\xff"]
)
def test_a_file_that_holds_anything_else_is_replaced(measured: list[int], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "drift").mkdir()
    (tmp_path / "drift" / "cpu_precision.json").write_bytes(content)
    assert in_a_new_process()
    assert in_a_new_process()
    assert len(measured) == 1


def test_without_a_place_for_the_file_it_is_measured_anew(measured: list[int], tmp_path: Path) -> None:
    (tmp_path / "drift").write_text("a file")
    assert in_a_new_process()
    assert in_a_new_process()
    assert len(measured) == 2


def test_a_network_in_bfloat16_gives_float32_that_differs_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Conv2d(1, 2, 3).eval()
    batch = torch.randn((1, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    monkeypatch.setenv("nnUNet_cpu_precision", "bf16")
    with torch.inference_mode():
        expected = network(batch)
        (prediction,) = call_for_each(network, [lambda: batch])
    assert prediction.dtype is torch.float32
    assert not torch.equal(prediction, expected)
    assert torch.allclose(prediction, expected, atol=0.05)
