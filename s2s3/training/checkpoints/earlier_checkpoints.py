"""Checkpoints of a fold that a training has outdated: `--c` would go on from them instead of the training's own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nnunetv2.model_sharing.model_advice import BEST, FINAL, LATEST

SET_ASIDE = {FINAL: "checkpoint_final_earlier.pth", LATEST: "checkpoint_latest_earlier.pth"}
"""Names that outdated checkpoints get until the training that outdates them is over."""
_GO_BEFORE = {LATEST: (FINAL,), BEST: (FINAL, LATEST)}


@dataclass
class OwnCheckpoints:
    """The checkpoints of a fold that belong to the running training, by name."""

    names: set[str] = field(default_factory=set)

    def loaded(self, file: str | os.PathLike[str]) -> None:
        """Note that the training goes on from a file. A final one is outdated by what follows it."""
        self.names |= {os.path.basename(file)} & {LATEST, BEST}

    def written(self, file: str | os.PathLike[str], say: Callable[[str], None]) -> None:
        """Note a whole file of the training, and set those aside that `--c` would prefer to it and are not its own.

        Once the final one is written, what was set aside is removed.
        """
        path = Path(file)
        self.names.add(path.name)
        for name in self._outdated_by(path.name):
            if (path.parent / name).is_file():
                os.replace(path.parent / name, path.parent / SET_ASIDE[name])
                say(f"{name} is of an earlier training: it is {SET_ASIDE[name]} until this one has ended")
        if path.name == FINAL:
            for name in SET_ASIDE.values():
                (path.parent / name).unlink(missing_ok=True)

    def _outdated_by(self, written: str) -> Iterator[str]:
        return (name for name in _GO_BEFORE.get(written, ()) if name not in self.names)
