"""Zip files with cards that were changed: refused in one line, nothing written."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnunetv2.errors import ArchiveError, OutputExistsError
from nnunetv2.model_sharing.model_export import export_pretrained_model
from nnunetv2.model_sharing.model_import import install_model_from_zip_file
from tests.conftest import NnunetFolders, make_folders
from tests.model_sharing.factories import DATASET, files_below, model_name, write_choice, write_model

MODEL = f"{DATASET}/{model_name()}"
CARD = f"{MODEL}/drift_model_card.json"
WEIGHTS = f"{MODEL}/fold_0/checkpoint_final.pth"
Entries = dict[str, bytes]
Change = Callable[[Entries], None]


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entries:
    """The entries of a zip file that was exported elsewhere."""
    elsewhere = make_folders(tmp_path / "elsewhere")
    monkeypatch.setenv("nnUNet_results", str(elsewhere.results))
    write_model(elsewhere.results, folds=[0])
    write_choice(elsewhere.results)
    export_pretrained_model(905, str(tmp_path / "exported.zip"), ("2d",), folds=(0,))
    with zipfile.ZipFile(tmp_path / "exported.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, entries: Entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def change_card(**changes: Any) -> Change:
    def change(entries: Entries) -> None:
        entries[CARD] = json.dumps({**json.loads(entries[CARD]), **changes}).encode()

    return change


def put(name: str, content: bytes) -> Change:
    return lambda entries: entries.update({name: content})


HOSTILE: dict[str, tuple[Change, str]] = {
    "other weights of the same size": (put(WEIGHTS, b"x" * 64), "checkpoint_final.pth has another SHA-256 than on its"),
    "weights of another size": (put(WEIGHTS, b"x"), "checkpoint_final.pth has 1 bytes, its card says 64"),
    "a missing file": (lambda entries: entries.pop(WEIGHTS), "checkpoint_final.pth is listed on the card but is not"),
    "one more file": (
        put(f"{MODEL}/fold_1/checkpoint_final.pth", b"x"),
        "fold_1/checkpoint_final.pth is not listed on",
    ),
    "one more data set": (put("Dataset001_X/a__b__2d/plans.json", b"x"), "plans.json is not listed on a card"),
    "an endless card": (put(CARD, b" " * (17 << 20)), "drift_model_card.json: has 17 MiB, expected at most 16"),
    "a deep card": (put(CARD, b"[" * 100_000), "nested more than 64 levels deep"),
    "a card that is cut off": (put(CARD, b'{"version": 1'), "drift_model_card.json: not valid JSON"),
    "another file in its place": (put(CARD, b"{}"), "drift_model_card.json: lacks the keys"),
    "a card of a later version": (change_card(version=2), "version is 2, expected 1; a newer DRIFT wrote it"),
    "a text over several lines": (
        change_card(intended_use="a\nb"),
        "intended_use is 'a\\\\nb', expected a text of one",
    ),
    "files as a list": (change_card(files=[]), "files is [], expected a non-empty object"),
    "a path out of the folder": (put(f"{MODEL}/../../x", b"x"), "leads out of the folder"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_bundle_is_refused_in_one_line_and_nothing_is_written(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path, kind: str
) -> None:
    change, complaint = HOSTILE[kind]
    change(bundle)
    file = packed(tmp_path / "hostile.zip", bundle)
    with pytest.raises(ArchiveError) as caught:
        install_model_from_zip_file(file)
    assert complaint.replace("\\\\", "\\") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert str(file) in str(caught.value)
    assert files_below(nnunet_folders.results) == {}
    assert list(nnunet_folders.results.iterdir()) == []


def test_a_card_that_belongs_to_another_model_is_refused(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    other = {name.replace("__2d/", "__3d_fullres/"): content for name, content in bundle.items()}
    with pytest.raises(ArchiveError, match="is that of"):
        install_model_from_zip_file(packed(tmp_path / "hostile.zip", other))
    assert files_below(nnunet_folders.results) == {}


def test_a_bundle_arrives_as_it_was_and_again_without_a_complaint(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = packed(tmp_path / "m.zip", bundle)
    install_model_from_zip_file(file, overwrite=False)
    install_model_from_zip_file(file, overwrite=False)
    assert files_below(nnunet_folders.results) == bundle


def test_a_bundle_with_a_card_replaces_nothing_unless_told_to(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    file = packed(tmp_path / "m.zip", bundle)
    write_model(nnunet_folders.results, folds=[0, 1])
    before = files_below(nnunet_folders.results)
    with pytest.raises(OutputExistsError, match="is there already, with other files"):
        install_model_from_zip_file(file)
    assert files_below(nnunet_folders.results) == before
    install_model_from_zip_file(file, overwrite=True)
    after = files_below(nnunet_folders.results)
    assert after == {**before, **bundle}


def test_the_choice_among_models_of_a_data_set_is_not_replaced_either(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    write_choice(nnunet_folders.results)
    before = files_below(nnunet_folders.results)
    with pytest.raises(OutputExistsError, match=r"inference_information\.json is there already, with other content"):
        install_model_from_zip_file(packed(tmp_path / "m.zip", bundle))
    assert files_below(nnunet_folders.results) == before


def test_a_model_that_is_a_link_elsewhere_counts_as_there(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    (nnunet_folders.results / DATASET).mkdir()
    (nnunet_folders.results / MODEL).symlink_to(tmp_path / "lost")
    with pytest.raises(OutputExistsError, match="is there already"):
        install_model_from_zip_file(packed(tmp_path / "m.zip", bundle))
    assert not (tmp_path / "lost").exists()


def test_a_zip_file_of_nnunet_replaces_a_model_through_its_function_and_not_through_ours(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path
) -> None:
    stock = {name: content for name, content in bundle.items() if not name.endswith(("MODEL_CARD.md", CARD))}
    file = packed(tmp_path / "stock.zip", stock)
    write_model(nnunet_folders.results, folds=[0])
    with pytest.raises(OutputExistsError, match="--overwrite"):
        install_model_from_zip_file(file, overwrite=False)
    install_model_from_zip_file(file)
    assert files_below(nnunet_folders.results).items() >= stock.items()


def test_no_card_stays_with_a_model_that_it_does_not_describe(
    bundle: Entries, nnunet_folders: NnunetFolders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install_model_from_zip_file(packed(tmp_path / "m.zip", bundle))
    install_model_from_zip_file(packed(tmp_path / "m.zip", bundle))
    assert "overwriting" not in caplog.text
    stock = {name: content for name, content in bundle.items() if not name.endswith(("MODEL_CARD.md", CARD))}
    stock[WEIGHTS] = b"y" * 64
    install_model_from_zip_file(packed(tmp_path / "stock.zip", stock), overwrite=True)
    assert "overwriting the model" in caplog.text
    assert files_below(nnunet_folders.results) == stock
