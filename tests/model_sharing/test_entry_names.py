"""Archives made to harm: each entry that must not be unpacked is named, and nothing arrives."""

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnunetv2.errors import ArchiveError
from nnunetv2.model_sharing.entry_names import entry_problem, size_problem
from nnunetv2.model_sharing.model_import import install_model_from_zip_file
from tests.conftest import NnunetFolders
from tests.model_sharing.factories import DATASET, files_below, model_name, write_zip

MODEL = f"{DATASET}/{model_name()}"
FILES: dict[str, bytes | str] = {
    f"{MODEL}/plans.json": b"plans" * 9,
    f"{MODEL}/fold_0/checkpoint_final.pth": b"weights",
}


@pytest.fixture
def results(nnunet_folders: NnunetFolders) -> Path:
    return nnunet_folders.results


def refused(results: Path, file: Path, reason: str) -> str:
    with pytest.raises(ArchiveError, match=reason) as caught:
        install_model_from_zip_file(file)
    assert files_below(results) == {}
    assert list(results.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "has no name"),
        ("./", "has no name"),
        (".", "has no name"),
        ("//server/share/x", "absolute"),
        ("\\\\server\\share\\x", "backslash"),
        ("c:x", "absolute"),
        (f"{MODEL}/a\nb", "control character"),
        (f"{MODEL}/\x1b[2J", "control character"),
        (f"{MODEL}/plans.json.", "dot or space"),
        (f"{MODEL}/fold_0 /x", "dot or space"),
        (f"{MODEL}/.../x", "dot or space"),
        (f"{MODEL}/nul", "Windows reserves"),
        (f"{MODEL}/CON.json", "Windows reserves"),
        (f"{MODEL}/aux /x", "dot or space"),
        (f"{DATASET}/lpt1/x", "Windows reserves"),
        (f"{DATASET}/COM¹.txt", "Windows reserves"),
        (f"{MODEL}/PLANS.json", "only in case or Unicode form"),
        (f"{DATASET.upper()}/{model_name()}/x", "only in case or Unicode form"),
        (f"{MODEL}/plans.json/", "is a folder and a file"),
        (f"{MODEL}/{'a' * 256}", "a part of more than 255 bytes"),
        (f"{MODEL}/{'é' * 128}", "a part of more than 255 bytes"),
        (f"{MODEL}/plans.json/x", "lies in a file"),
        (f"{MODEL}/Plans.json/x", "lies in a file"),
    ],
)
def test_names_that_would_harm_on_some_system_are_refused(
    results: Path, tmp_path: Path, name: str, reason: str
) -> None:
    message = refused(results, write_zip(tmp_path / "model.zip", {**FILES, name: b"x"}), reason)
    assert repr(name)[:200] in message


def test_a_name_with_a_zero_character_is_refused(results: Path, tmp_path: Path) -> None:
    file = write_zip(tmp_path / "model.zip", {f"{MODEL}/plans.json@": b"x"})
    file.write_bytes(file.read_bytes().replace(b"json@", b"json\0"))
    refused(results, file, "control character")


def test_names_that_differ_in_unicode_form_are_refused(results: Path, tmp_path: Path) -> None:
    names: dict[str, bytes | str] = {f"{MODEL}/caf\u00e9": b"1", f"{MODEL}/cafe\u0301": b"2"}
    refused(results, write_zip(tmp_path / "model.zip", names), "only in case or Unicode form")


def test_names_of_many_folders_are_refused_before_their_folders_are_compared(results: Path, tmp_path: Path) -> None:
    names: dict[str, bytes | str] = {f"{MODEL}/{'a/' * 30_000}{number}": b"x" for number in range(3)}
    message = refused(results, write_zip(tmp_path / "model.zip", names), "a name of more than 1024 bytes")
    assert len(message) < 2000


@pytest.mark.parametrize("name", ["console.json", "com10", "auxiliary", "a.b", "名前", ".hidden", "a b"])
def test_ordinary_names_arrive(results: Path, tmp_path: Path, name: str) -> None:
    install_model_from_zip_file(write_zip(tmp_path / "model.zip", {**FILES, f"{MODEL}/x{name}": b"x"}))
    assert files_below(results) == {**FILES, f"{MODEL}/x{name}": b"x"}


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x40, 0x2000])
def test_an_encrypted_entry_is_refused_by_name(results: Path, tmp_path: Path, flag: int) -> None:
    file = write_zip(tmp_path / "model.zip", FILES)
    content = bytearray(file.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 8 : start + 10] = flag.to_bytes(2, "little")
    file.write_bytes(content)
    assert repr(f"{MODEL}/plans.json") in refused(results, file, "is encrypted")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFSOCK])
def test_entries_that_are_no_files_are_refused(results: Path, tmp_path: Path, kind: int) -> None:
    entry = zipfile.ZipInfo(f"{MODEL}/fold_1")
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr(entry, "/etc")
    refused(results, tmp_path / "model.zip", "a link|no ordinary file")


def test_a_bomb_is_refused_before_it_is_unpacked(results: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{MODEL}/plans.json", bytes(1 << 20))
    content = bytearray(file.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 24 : start + 28] = (2**31).to_bytes(4, "little")
    file.write_bytes(content)
    refused(results, file, "would unpack 0.0 MB to 2.1 GB")


def test_overlapping_entries_are_refused(results: Path, tmp_path: Path) -> None:
    file = write_zip(tmp_path / "model.zip", FILES)
    content = bytearray(file.read_bytes())
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    file.write_bytes(content)
    refused(results, file, "overlaps another")


def test_sizes_that_are_not_there_and_too_many_entries_are_refused() -> None:
    entry = zipfile.ZipInfo("a")
    entry.header_offset, entry.compress_size, entry.file_size = 0, 2**40, 2**40
    assert "entries claim 1099511627806 bytes, of which it holds 100" in str(size_problem([entry], 100))
    entry.compress_size = 1
    assert "would unpack 0.0 MB to 1099.5 GB" in str(size_problem([entry], 100))
    assert "200000 entries, expected at most 100000" in str(size_problem([entry] * 200_000, 100))


def test_a_file_of_json_that_no_command_would_read_is_refused() -> None:
    entry = zipfile.ZipInfo(f"{MODEL}/plans.JSON")
    entry.file_size = 256 << 20
    assert entry_problem(entry) is None
    entry.file_size += 1 << 20
    assert entry_problem(entry) == "has 257 MiB of JSON, expected at most 256"


VALID = io.BytesIO()
with zipfile.ZipFile(VALID, "w", zipfile.ZIP_DEFLATED) as _archive:
    for _name, _content in FILES.items():
        _archive.writestr(_name, _content)


@given(st.lists(st.tuples(st.integers(0, len(VALID.getvalue()) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_changed_bytes_are_refused_in_a_few_lines_or_installed_inside(
    results: Path, tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    content = bytearray(VALID.getvalue())
    for place, value in changes:
        content[place] = value
    (tmp_path / "model.zip").write_bytes(content)
    try:
        install_model_from_zip_file(tmp_path / "model.zip")
    except ArchiveError as error:
        assert len(str(error).splitlines()) < 13  # noqa: PT017
    assert {path.name for path in tmp_path.iterdir()} <= {
        "model.zip",
        "nnUNet_raw",
        "nnUNet_preprocessed",
        results.name,
    }
