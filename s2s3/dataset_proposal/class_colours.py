"""From the colours of masks to numbers and names of classes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from nnunetv2.dataset_conversion.mask_colours import Colour, hex_code
from nnunetv2.dataset_proposal.case_inspection import CaseFacts
from nnunetv2.dataset_proposal.problem import Problem
from nnunetv2.dataset_proposal.proposed_labels import MOST_CLASSES, ProposedLabels

_BLACK, _WHITE = 0x000000, 0xFFFFFF
_NAMES = {
    "black": 0x000000,
    "white": 0xFFFFFF,
    "grey": 0x808080,
    "red": 0xFF0000,
    "dark_red": 0x800000,
    "green": 0x00C000,
    "dark_green": 0x006000,
    "blue": 0x0000FF,
    "dark_blue": 0x000080,
    "yellow": 0xFFFF00,
    "olive": 0x808000,
    "orange": 0xFF8000,
    "brown": 0x964B00,
    "cyan": 0x00FFFF,
    "teal": 0x008080,
    "light_blue": 0x80B0FF,
    "light_green": 0x80FF80,
    "magenta": 0xFF00FF,
    "purple": 0x800080,
    "pink": 0xFFA0C0,
}


def are_classes_colours(facts: Iterable[CaseFacts]) -> bool:
    """Tell whether colours have to stand for classes: masks hold no values, or an index has several colours."""
    usable = [case for case in facts if not case.problems]
    meanings = {pair for case in usable for pair in case.palette.items()}
    return any(case.is_coloured for case in usable) or len(meanings) > len({index for index, _ in meanings})


def numbered_colours(facts: Iterable[CaseFacts]) -> dict[Colour, int]:
    """Return colour -> number: 0 for background, which is black, else white, else the colour of most pixels."""
    pixels: Counter[Colour] = Counter()
    for case in facts:
        pixels.update(case.colours)
    known = [colour for colour in (_BLACK, _WHITE) if colour in pixels]
    background = known[0] if known else pixels.most_common(1)[0][0]
    others = sorted(set(pixels) - {background})
    return {colour: number for number, colour in enumerate([background, *others])}


def colour_problems(colours: Collection[Colour]) -> list[Problem]:
    """Return the problem of masks that have more colours than there can be classes."""
    if len(colours) <= MOST_CLASSES:
        return []
    what = f"show {len(colours)} different colours, more than {MOST_CLASSES} classes"
    return [Problem("masks", what, "export them anew as PNG, one colour a class, without smoothed edges")]


def too_many_colours(cases: Iterable[tuple[str, CaseFacts]]) -> list[Problem]:
    """Return a problem for each mask (file, facts) whose palette shows so many colours that they were not counted."""
    what = "shows more colours than there can be classes, other masks give its values other colours"
    fix = "save all masks with one palette, or as PNG with one colour a class"
    return [Problem(mask, what, fix) for mask, case in cases if case.palette and not case.colours and not case.problems]


def values_among_colours(cases: Iterable[tuple[str, CaseFacts]]) -> list[Problem]:
    """Return a problem for each mask (file, facts) with values other than 0 and 255, which are black and white."""
    what, fix = "holds values, other masks hold colours", "save all masks in the same way"
    odd = [mask for mask, case in cases if not case.is_coloured and not case.palette and set(case.values) - {0, 255}]
    return [Problem(mask, what, fix) for mask in odd]


def named_by_colour(labels: ProposedLabels, colours: Mapping[int, Colour]) -> ProposedLabels:
    """Return the labels with names from colours instead of numbers; `colours` has them by the values of masks."""
    shown: dict[int, Colour] = {}
    for value, colour in sorted(colours.items()):
        shown.setdefault(labels.relabel.get(value, value), colour)
    names: dict[str, int] = {}
    for name, label in labels.labels.items():
        is_numbered = name == "foreground" or name.startswith("label_")
        names[_unused(_name_of(shown[label]), names) if is_numbered and label in shown else name] = label
    return replace(labels, labels=names)


def legend_note(colours: Mapping[Colour, int]) -> str:
    """Return the sentence that says how colours became labels."""
    first = next(colour for colour, number in colours.items() if number == 0)
    return (
        f"classes are the colours of the masks, {hex_code(first)} is the background; name them in this order with "
        "--labels, for example background=0 tumor=1, and join or exchange them with --relabel"
    )


def _name_of(colour: Colour) -> str:
    return min(_NAMES, key=lambda name: _distance(colour, _NAMES[name]))


def _distance(one: Colour, other: Colour) -> int:
    return sum(((one >> shift & 255) - (other >> shift & 255)) ** 2 for shift in (0, 8, 16))


def _unused(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name}_{number}" for number in range(2, MOST_CLASSES + 2))
    return name if name not in taken else next(other for other in numbered if other not in taken)
