import io
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nnunetv2.errors import CheckpointError
from nnunetv2.foundation.safe_loading.checkpoint_content import check_checkpoint
from nnunetv2.foundation.safe_loading.safe_checkpoint import load_checkpoint_file
from tests.foundation.safe_loading.hostile_pickles import (
    CANARY,
    HOSTILE,
    array_of,
    called,
    data,
    named,
    number,
    text,
    whole,
)

WEIGHTS = {"network_weights": OrderedDict(a=torch.arange(6.0), b=torch.ones(2, 3, dtype=torch.bfloat16))}
Entries = dict[str, bytes]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint_final.pth"
    torch.save(WEIGHTS, path)
    return path


def rewrite(file: Path, change: Callable[[Entries], Any], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def with_description(file: Path, content: bytes) -> None:
    """Replace what the file says about its content; it keeps its tensors' bytes."""
    rewrite(file, lambda entries: entries.update({"checkpoint_final/data.pkl": content}))


def refused(file: Path, reason: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^{file}: .*{reason}.*$"):
        load_checkpoint_file(file, "cpu")
    assert CANARY == []


def test_what_trainings_store_is_read(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Conv2d(2, 1, 1))
    optimizers: list[Any] = [
        torch.optim.SGD(network.parameters(), 0.1, momentum=0.99, nesterov=True, weight_decay=1e-5),
        torch.optim.AdamW(network.parameters(), amsgrad=True),
    ]
    for optimizer in optimizers:
        network(torch.ones(1, 1, 8, 8)).sum().backward()
        optimizer.step()
    content = {
        "network_weights": network.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "grad_scaler_state": torch.amp.GradScaler("cpu").state_dict(),
        "logging": {"train_losses": [np.float64(1.5), np.float32(2)], "epochs": [np.int64(3), np.bool_(True)]},
        "odd": [torch.nn.Parameter(torch.ones(2)), torch.Size([1, 2]), torch.float32, torch.device("cuda:1")],
        "tensors": [
            torch.zeros(0),
            torch.ones(4, 6)[1:, ::2],
            torch.tensor(3),
            torch.tensor([True]),
            torch.ones(3, 2).T,
        ],
        "plain": (None, "text", b"bytes", 2**70, -1.5, 1j, {1, 2}, {"a": {(1, 2): [True]}}),
    }
    torch.save(content, tmp_path / "a.pth")
    read = load_checkpoint_file(tmp_path / "a.pth", "cpu")
    expected = torch.load(tmp_path / "a.pth", weights_only=False)
    assert list(read["network_weights"]) == list(network.state_dict())
    for ours, theirs in zip(read["tensors"], expected["tensors"], strict=True):
        assert torch.equal(ours, theirs)
    for key in ("logging", "grad_scaler_state", "plain"):
        assert read[key] == expected[key]
    assert read["network_weights"]._metadata == network.state_dict()._metadata
    assert [type(value) for value in read["odd"]] == [type(value) for value in expected["odd"]]


@pytest.mark.parametrize("name", [name for name in HOSTILE if "many" not in name and "deep" not in name])
def test_a_hostile_description_is_refused(name: str, file: Path) -> None:
    with_description(file, HOSTILE[name])
    refused(file, "checkpoint_final|")


def storage(kind: bytes, key: str, items: int) -> bytes:
    return b"(" + text("storage") + kind + text(key) + text("cpu") + number(items) + b"tQ"


def tensor(storage: bytes, size: int, stride: int = 1, offset: int = 0) -> bytes:
    shape = [number(value) + b"\x85" for value in (size, stride)]
    rest = [b"\x89", called(named("collections", "OrderedDict"))]
    return called(named("torch._utils", "_rebuild_tensor_v2"), storage, number(offset), *shape, *rest)


FLOATS, DOUBLES = named("torch", "FloatStorage"), named("torch", "DoubleStorage")
DESCRIPTIONS = {
    "more values than its storage": (tensor(storage(FLOATS, "0", 6), 7), "larger than its storage"),
    "a place behind its storage": (tensor(storage(FLOATS, "0", 6), 1, 1, 6), "larger than its storage"),
    "a negative size": (tensor(storage(FLOATS, "0", 6), -1), "malformed tensor"),
    "one value as very many": (tensor(storage(FLOATS, "0", 6), 10**12, 0), "far more data"),
    "more values than its bytes": (tensor(storage(FLOATS, "0", 10**9), 1), "4000000000 bytes, .* holds 24"),
    "larger values than its bytes": (tensor(storage(DOUBLES, "0", 6), 1), "48 bytes, of which the file holds 24"),
    "no such storage": (tensor(storage(FLOATS, "../0", 6), 1), "24 bytes, of which the file holds 0"),
    "a storage of another class": (tensor(storage(named("torch", "float32"), "0", 6), 1), "malformed storage"),
    "a tensor of no storage": (tensor(b"N", 1), "malformed tensor"),
    "a pickle in bytes": (
        called(named("torch.storage", "_load_from_bytes"), data(b"N.")),
        "_load_from_bytes",
    ),
    "a length of bytes": (called(named("__builtin__", "bytearray"), number(10**12)), "malformed bytearray"),
    "attributes of a dict": (
        called(named("collections", "OrderedDict")) + b"}" + text("items") + b"Nsb",
        "attributes of an OrderedDict",
    ),
    "an array": (array_of("f8", 1, data(b"12345678")), "_reconstruct"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_that_its_bytes_contradict_is_refused(name: str, file: Path) -> None:
    value, reason = DESCRIPTIONS[name]
    with_description(file, whole(b"}", text("network_weights"), value, b"s", protocol=2))
    refused(file, reason)


@pytest.mark.long
def test_a_description_may_be_as_long_as_that_of_a_dataset_whose_cases_are_listed() -> None:
    content = whole(b"](", b"N" * 1_500_000, b"e", protocol=2)  # dataset.json with 100,000 cases has as many
    check_checkpoint(io.BytesIO(content), len(content), {})


@pytest.mark.parametrize(
    "value", [b"c\x1b[31mos\nsys\x1b\n", b"cos\nsystem\n\x8c\x7f", text("o\n") + text("\ns") + b"\x93", b"\x93"]
)
def test_names_that_would_break_a_line_and_cut_off_descriptions_are_refused_in_one_line(
    value: bytes, file: Path
) -> None:
    with_description(file, b"\x80\x02}" + text("network_weights") + value)
    with pytest.raises(CheckpointError, match=rf"^{file}: ") as caught:
        load_checkpoint_file(file, "cpu")
    assert str(caught.value).isprintable()


def test_files_of_older_kinds_are_refused_without_reading_them(file: Path) -> None:
    torch.save(WEIGHTS, file, _use_new_zipfile_serialization=False)
    refused(file, "no zip file .* set nnUNet_unsafe_checkpoints=1")
    with tarfile.open(file, "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    refused(file, "no zip file")
    file.write_bytes(pickle.dumps({"network_weights": 1}))
    refused(file, "no zip file")


def test_an_older_file_is_read_where_it_is_trusted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(WEIGHTS, file, _use_new_zipfile_serialization=False)
    monkeypatch.setenv("nnUNet_unsafe_checkpoints", "1")
    assert torch.equal(load_checkpoint_file(file, "cpu")["network_weights"]["a"], torch.arange(6.0))


def test_compressed_entries_are_refused(file: Path) -> None:
    rewrite(file, lambda entries: None, zipfile.ZIP_DEFLATED)
    refused(file, "is compressed or encrypted")


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ("checkpoint_final/DATA.pkl", "two entries of one name"),
        ("other/data.pkl", "another kind of file"),
        ("checkpoint_final/constants.pkl", "another kind of file"),
    ],
)
def test_entries_that_another_reader_could_take_for_the_checked_ones_are_refused(
    file: Path, added: str, reason: str
) -> None:
    rewrite(file, lambda entries: entries.update({added: b"x"}))
    refused(file, reason)


def test_overlapping_entries_and_wrong_sizes_are_refused(file: Path) -> None:
    content = file.read_bytes()
    first, second = (content.index(b"PK\x01\x02"), content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4))
    overlapping = bytearray(content)
    overlapping[second + 42 : second + 46] = overlapping[first + 42 : first + 46]
    file.write_bytes(overlapping)
    refused(file, "overlaps another")
    lying = bytearray(content)
    lying[first + 20 : first + 28] = (2**31).to_bytes(4, "little") * 2
    file.write_bytes(lying)
    refused(file, "overlaps another|claim")


def test_an_empty_zip_file_is_refused(file: Path) -> None:
    zipfile.ZipFile(file, "w").close()
    refused(file, "no zip file")
    rewrite_names = {"checkpoint_final/version": b"3"}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in rewrite_names.items():
            archive.writestr(name, content)
    refused(file, r"data\.pkl")


def place_of(file: Path, name: str) -> tuple[int, int]:
    """Return where the bytes of an entry are in the file, and how many."""
    with zipfile.ZipFile(file) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith(name))
    header = file.read_bytes()[entry.header_offset :][:30]
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return entry.header_offset + 30 + lengths, entry.file_size


@pytest.mark.parametrize("name", ["data.pkl", "data/0", "data/1"])
def test_a_flipped_bit_in_any_entry_is_damage(file: Path, name: str) -> None:
    start, length = place_of(file, name)
    whole_file = file.read_bytes()
    for place in range(start, start + length, max(1, length // 12)):
        file.write_bytes(whole_file[:place] + bytes([whole_file[place] ^ 0x10]) + whole_file[place + 1 :])
        with pytest.raises(CheckpointError):
            load_checkpoint_file(file, "cpu")
