"""From the values that occur in masks to labels: 0 for background, then 1, 2, ... without gaps."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from nnunetv2.dataset_conversion.image_folder_labels import labels_named_by_number
from nnunetv2.dataset_proposal.problem import Problem

MOST_CLASSES = 24
_LARGEST_BYTE = 255


@dataclass(frozen=True)
class ProposedLabels:
    """Labels of the dataset, and how values of masks become labels."""

    labels: dict[str, int]
    relabel: dict[int, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def propose_labels(
    values: Collection[int], wanted: Mapping[str, int] | None = None, relabel: Mapping[int, int] | None = None
) -> ProposedLabels:
    """Return labels for the values of all masks together.

    Few values are classes, in their order; with 255 after classes without gaps is what nobody annotated (ignore).
    Many values number objects and become one class, if they count up without large gaps.

    Parameters:
        wanted: labels that the user named.
        relabel: what the user said about values; the rest is proposed.
    """
    given = dict(relabel or {})
    found = sorted({0}.union(given.get(value, value) for value in values))
    if found == [0]:
        return ProposedLabels({"background": 0}, given, problems=(_NOTHING_MARKED,))
    if wanted is not None:
        return _as_wanted(found, dict(wanted), given)
    if len(found) > MOST_CLASSES:
        return _numbered_objects(found, given)
    if len(found) > 2 and found[-1] == _LARGEST_BYTE and found[:-1] == list(range(len(found) - 1)):
        return _with_ignore(found, given)
    moved = {value: label for label, value in enumerate(found) if value != label}
    return ProposedLabels(_named(len(found)), _then(given, moved))


def _then(given: Mapping[int, int], moved: Mapping[int, int]) -> dict[int, int]:
    """Return what values of masks become if what the user said comes first, and then what is proposed."""
    both = {value: moved.get(label, label) for value, label in given.items()}
    return {**moved, **both}


_NOTHING_MARKED = Problem(
    "masks", "no mask contains anything but 0", "export the annotated classes with values above 0"
)


def _named(count: int) -> dict[str, int]:
    return {"background": 0, "foreground": 1} if count == 2 else labels_named_by_number(count)


def _as_wanted(found: list[int], wanted: dict[str, int], given: dict[int, int]) -> ProposedLabels:
    known = sorted(wanted.values())
    unknown = [value for value in found if value not in known]
    if len(found) == len(known) and unknown:
        return ProposedLabels(wanted, _then(given, {v: k for v, k in zip(found, known, strict=True) if v != k}))
    if not unknown:
        return ProposedLabels(wanted, given)
    shown = ", ".join(map(str, unknown[:10]))
    fix = f"name them with --labels, or map them with --relabel, for example {unknown[0]}={known[-1]}"
    return ProposedLabels(wanted, given, problems=(Problem("masks", f"hold values without a label: {shown}", fix),))


def _numbered_objects(found: list[int], given: dict[int, int]) -> ProposedLabels:
    objects = found[1:]
    if objects[0] > 2 or objects[-1] > 2 * len(objects):
        what = f"hold {len(found)} different values up to {found[-1]}"
        fix = "masks that were scaled smoothly or saved as JPEG have such values; export them anew as PNG"
        return ProposedLabels({"background": 0}, given, problems=(Problem("masks", what, fix),))
    note = (
        f"masks number their objects (up to {found[-1]}): all are learnt as one class, since nnU-Net tells classes"
        " apart and not objects"
    )
    return ProposedLabels({"background": 0, "object": 1}, _then(given, {v: 1 for v in objects if v != 1}), (note,))


def _with_ignore(found: list[int], given: dict[int, int]) -> ProposedLabels:
    ignore = len(found) - 1
    labels = {**_named(ignore), "ignore": ignore}
    note = "255 is taken for pixels that nobody annotated (label ignore); --relabel 255=0 makes them background"
    return ProposedLabels(labels, _then(given, {_LARGEST_BYTE: ignore}), (note,))
