"""Whether a zip file holds what the cards of its models say: all listed files, no others, each with its hash."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from nnunetv2.errors import ArchiveError
from nnunetv2.file_kinds.card_files import MODEL_CARD
from nnunetv2.model_sharing.model_card import CARD_FILE
from nnunetv2.model_sharing.zip_archive import PackedFile
from nnunetv2.utilities.file_path_utilities import convert_trainer_plans_config_to_identifier
from s1.json_files import MIB, NotJson, check_json, parse_json
from s1.problem_lists import raise_together

Card = dict[str, Any]
Entries = Mapping[PurePosixPath, zipfile.ZipInfo]
_DAMAGED = "is damaged or was changed; nothing was installed. Get it again from where it comes from"


def read_cards(archive: zipfile.ZipFile, entries: Entries, shown_as: str) -> dict[str, Card]:
    """Return the card of each model, `<data set>/<model>`, that has one; ArchiveError for one that is no card."""
    cards = {}
    for path, entry in entries.items():
        if len(path.parts) == 3 and path.name == CARD_FILE:
            cards["/".join(path.parts[:2])] = _read_card(archive, entry, f"{shown_as}: {path}")
    return cards


def _read_card(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, source: str) -> Card:
    limit = MODEL_CARD.largest_mib
    if entry.file_size > limit * MIB:
        raise ArchiveError(f"{source}: has {entry.file_size / MIB:.0f} MiB, expected at most {limit}")
    try:
        card: Card = parse_json(archive.read(entry))
    except NotJson as error:
        raise ArchiveError(f"{source}: {error}") from None
    check_json(card, source, MODEL_CARD, ArchiveError)
    return card


def check_listed(cards: Mapping[str, Card], entries: Entries, shown_as: str) -> None:
    """Raise ArchiveError if the entries of a zip file with cards are not those that its cards list, with their sizes.

    Without any card, as in a zip file of nnU-Net, everything is right.
    """
    if cards:
        raise_together(ArchiveError, _DAMAGED, _differences(cards, entries), shown_as)


def _differences(cards: Mapping[str, Card], entries: Entries) -> Iterator[str]:
    listed = {name: facts for card in cards.values() for name, facts in card["files"].items()}
    for model, card in cards.items():
        if [card["model"]["dataset"], _folder(card)] != model.split("/"):
            yield f"the card of {model} is that of {card['model']['dataset']}/{_folder(card)}"
        other = [name for name, facts in card["files"].items() if facts != listed[name]]
        yield from (f"the cards disagree on {name}" for name in other)
    names = {str(path): entry for path, entry in entries.items()}
    own = {f"{model}/{CARD_FILE}" for model in cards}
    yield from (f"{name} is listed on the card but is not there" for name in listed if name not in names)
    yield from (f"{name} is not listed on a card" for name in names if name not in listed and name not in own)
    for name, facts in listed.items():
        if name in names and names[name].file_size != facts["bytes"]:
            yield f"{name} has {names[name].file_size} bytes, its card says {facts['bytes']}"


def _folder(card: Card) -> str:
    model = card["model"]
    return convert_trainer_plans_config_to_identifier(model["trainer"], model["plans"], model["configuration"])


def check_hashes(cards: Mapping[str, Card], unpacked: Mapping[PurePosixPath, PackedFile], shown_as: str) -> None:
    """Raise ArchiveError for unpacked files whose SHA-256 is not the one on their card."""
    listed = {name: facts["sha256"] for card in cards.values() for name, facts in card["files"].items()}
    wrong = [str(path) for path, file in unpacked.items() if listed.get(str(path), file.sha256) != file.sha256]
    raise_together(ArchiveError, _DAMAGED, [f"{name} has another SHA-256 than on its card" for name in wrong], shown_as)
