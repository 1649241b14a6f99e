import pytest

from s1 import devices
from s1.devices import choose_device
from s1.errors import SourceError


def test_the_cpu_means_numpy():
    assert choose_device("cpu") is None


def test_auto_without_a_driver_does_not_even_import_torch(monkeypatch):
    import sys

    monkeypatch.setattr(devices, "_may_have_gpu", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert choose_device("auto") is None


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "mps", ""])
def test_unknown_devices_are_refused(name):
    with pytest.raises(SourceError, match="expected auto, cpu, cuda"):
        choose_device(name)


def test_a_missing_gpu_is_refused_but_auto_uses_the_cpu(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_may_have_gpu", lambda: True)
    with pytest.raises(SourceError, match="no CUDA device"):
        choose_device("cuda")
    assert choose_device("auto") is None


def test_a_gpu_is_chosen_by_its_number(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(devices, "_may_have_gpu", lambda: True)
    assert choose_device("auto") == torch.device("cuda", 0)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(SourceError, match="there are 2 CUDA devices"):
        choose_device("cuda:2")
