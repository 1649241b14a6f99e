"""Files beside label images that belong to them, as the spacing of TIFF stacks: what copies a label copies these."""

import filecmp
import os
from pathlib import Path
from typing import Any

from nnunetv2.foundation.files import copy_file

PathLike = str | os.PathLike[str]


def side_files_of_label(reader: Any, label_file: PathLike) -> list[Path]:
    """Return the paths of the files that `reader` looks at besides a label image, whether they exist or not."""
    listing = getattr(reader, "label_side_files", None)  # readers need not derive from BaseReaderWriter
    return [Path(file) for file in listing(os.fspath(label_file))] if listing else []


def copy_side_files(reader: Any, source_label: PathLike, target_label: PathLike) -> None:
    """Update the side files of a copied label image; one whose original is gone is removed, as it would be used."""
    sources, targets = (side_files_of_label(reader, label) for label in (source_label, target_label))
    for source, target in zip(sources, targets, strict=True):
        if not source.is_file():
            target.unlink(missing_ok=True)
        elif not (target.is_file() and filecmp.cmp(source, target, shallow=False)):
            copy_file(source, target)
