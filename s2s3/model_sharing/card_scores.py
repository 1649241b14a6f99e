"""The figures of a model's card: what its validations measured, without the names of cases."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnunetv2.file_kinds.result_files import COMPARISON, DOMAIN_SUMMARY, SUMMARY
from nnunetv2.foundation.files import file_sha256, read_json
from nnunetv2.foundation.plain_values import nan_as_none

_SCORES = ("cases", "foreground", "classes")


def read_scores(model: Path, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Return one entry of the card for each folder of a model that was evaluated; empty if none was.

    Raises InvalidValueError for a file of scores that is damaged.
    """
    return [nan_as_none(entry) for folder in folders for entry in _entry(model, folder)]


def _entry(model: Path, folder: Path) -> Iterator[dict[str, Any]]:
    path = folder / "summary.json"
    if not path.is_file():
        return
    summary = read_json(path, SUMMARY)
    by_class = {str(key): scores.get("Dice") for key, scores in summary["mean"].items()}
    yield {
        "source": path.relative_to(model).as_posix(),
        "on_training_images": "all" in (folder.name.rpartition("_")[2], folder.parent.name.removeprefix("fold_")),
        "cases": len(summary["metric_per_case"]),
        "dice": summary["foreground_mean"].get("Dice"),
        "dice_by_class": by_class,
        **_by_domain(path),
    }


def _by_domain(summary_file: Path) -> Mapping[str, Any]:
    """Return what the domain_summary.json of a summary.json says; no domains if there is none, or one of another."""
    path = summary_file.with_name("domain_summary.json")
    if not path.is_file():
        return {"domains": {}}
    content = read_json(path, DOMAIN_SUMMARY)
    sha256 = file_sha256(summary_file)
    if content.get("summary_sha256", sha256) != sha256:
        return {"domains": {}}
    domains = {name: {key: scores[key] for key in _SCORES} for name, scores in content["domains"].items()}
    return {"domains": domains, **{key: content[key] for key in COMPARISON}}
