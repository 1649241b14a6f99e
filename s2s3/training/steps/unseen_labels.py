"""Labels that no training patch has had so far."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nnunetv2.utilities.label_handling.label_handling import LabelManager


class UnseenLabels:
    """Forgets each label or region once a batch has it; looking costs nothing when none is left.

    Parameters:
        labels: those of the dataset; None: none at all.
    """

    def __init__(self, labels: LabelManager | None):
        self._regions = labels is not None and labels.has_regions
        classes: Sequence[Any] = ()
        if labels is not None:
            classes = labels.foreground_regions if labels.has_regions else labels.all_labels
        self._positions = {label: position for position, label in enumerate(classes)}

    def look(self, batch: Mapping[str, Any]) -> None:
        """Take away what the target of a batch has; with deep supervision, its finest scale."""
        target = batch.get("target")
        finest = target[0] if isinstance(target, list | tuple) else target
        if finest is not None and self._positions:
            self._positions = {
                label: position for label, position in self._positions.items() if not self._has(finest, label, position)
            }

    def _has(self, target: Any, label: Any, position: int) -> bool:
        """Tell whether a target (B, 1, *space) has a label, or one (B, regions, *space) a region."""
        return bool((target[:, position] if self._regions else target == label).any())

    @property
    def labels(self) -> list[Any]:
        """The labels that are left, regions as tuples, in the order of the dataset."""
        return list(self._positions)


def in_words(labels: Iterable[Any], label_dict: Mapping[str, Any]) -> str:
    """Return labels or regions with their names, as in `2 (tumor), (1, 2) (whole)`."""
    names = {tuple(value) if isinstance(value, list | tuple) else value: name for name, value in label_dict.items()}
    return ", ".join(f"{label} ({names.get(label, 'without a name')})" for label in labels)
