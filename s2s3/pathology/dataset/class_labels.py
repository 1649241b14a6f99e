"""Which label the classes of annotations get, and what is wrong with classes that get none."""

import difflib
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from nnunetv2.dataset_conversion.image_folder_labels import unusable_labels
from nnunetv2.errors import AnnotationError, SettingsError
from nnunetv2.pathology.dataset.tiling_settings import BACKGROUND, IGNORE, TilingSettings
from s1.json_schema import is_name
from s1.problem_lists import raise_together

NO_ANNOTATION = -1
"""In drawn labels: a pixel of which the annotation says nothing."""
LEFT_OUT = ""


@dataclass(frozen=True)
class ClassLabels:
    """The labels of a dataset, and the names under which annotations have them.

    Parameters:
        values: class -> label, in the order in which they are drawn.
        renamed: class found -> class meant.
        roi: class of the regions in which everything is annotated.
    """

    values: Mapping[str, int]
    renamed: Mapping[str, str]
    roi: str | None = None

    def label_of(self, found: str) -> int | None:
        """Return the label to draw for a class as found: 0 for regions, None for a class that is left out."""
        name = self.renamed.get(found, found)
        if name == LEFT_OUT:
            return None
        return 0 if name == self.roi else self.values[name]

    def rank(self, found: str) -> int:
        """Return the place of a class in the order of drawing; regions lie below everything."""
        name = self.renamed.get(found, found)
        return -1 if name in (self.roi, LEFT_OUT) else list(self.values).index(name)

    def is_known(self, found: str) -> bool:
        """Tell whether a class as found has a label, is left out, or means regions."""
        name = self.renamed.get(found, found)
        return name in (LEFT_OUT, self.roi) or name in self.values

    def regions(self, found: Iterable[str]) -> set[str]:
        """Return which of the classes as found, or as given, mean regions."""
        return {name for name in found if self.renamed.get(name, name) == self.roi}

    def of_value(self, value: int) -> int | None:
        """Return the label to draw for a value of a mask, NO_ANNOTATION if it says nothing, None if it is unknown.

        The value as text counts as a class, if it is renamed or means regions; otherwise values are labels. With
        regions, 0 outside of these says nothing.
        """
        text = str(value)
        if text in self.renamed or text == self.roi:
            if not self.is_known(text):
                return None
            label = self.label_of(text)
            return NO_ANNOTATION if label is None else label
        if value == 0:
            return 0 if self.roi is None else NO_ANNOTATION
        return value if value in self.values.values() else None

    @property
    def ignored(self) -> int | None:
        """The label that training ignores, None without one."""
        return self.values.get(IGNORE)

    @property
    def foreground(self) -> dict[str, int]:
        """The classes that are learned, other than background."""
        return {name: value for name, value in self.values.items() if value and name != IGNORE}


def class_labels(settings: TilingSettings, found: Collection[str]) -> ClassLabels:
    """Return the labels of a dataset.

    Parameters:
        found: all classes of the annotations; not needed if the settings name labels.

    Raises SettingsError for labels that nnU-Net cannot use, AnnotationError if there are no classes.
    """
    given = dict(settings.labels) if settings.labels is not None else _from_found(settings, found)
    labels = given if BACKGROUND in given else {BACKGROUND: 0, **given}
    if settings.outside == IGNORE and IGNORE not in labels:
        labels[IGNORE] = max(labels.values()) + 1
    if settings.roi is not None and settings.roi in labels:
        raise SettingsError(f"--roi {settings.roi}: is a label, too; regions have no label of their own")
    raise_together(SettingsError, "labels cannot be used", unusable_labels(labels))
    classes = ClassLabels(labels, dict(settings.renamed), settings.roi)
    raise_together(SettingsError, "--map", _unknown_targets(settings, labels))
    if not classes.foreground:
        raise AnnotationError("the annotations have no class to learn; check --labels, --map and --roi")
    return classes


def unknown_class_problems(path: str, kind: str, found: Iterable[str], classes: ClassLabels) -> list[str]:
    """Return a line for each class that has no label, with the most similar one.

    Parameters:
        kind: what the file calls a class.
    """
    listed = ", ".join(classes.values)
    return [
        f"{path}: {kind} {name!r} is not among the labels ({listed}){_suggestion(name, classes.foreground)}"
        for name in found
        if not classes.is_known(name)
    ]


def _unknown_targets(settings: TilingSettings, labels: Mapping[str, int]) -> list[str]:
    """Return a line for each name that classes are renamed to, although the given labels lack it."""
    if settings.labels is None:
        return []
    known = {*labels, LEFT_OUT, settings.roi}
    return [
        f"--map {found}={name}: {name!r} is not among the labels ({', '.join(labels)})"
        for found, name in settings.renamed.items()
        if name not in known
    ]


def _suggestion(name: str, known: Mapping[str, int]) -> str:
    by_folded = {entry.casefold(): entry for entry in known}
    similar = difflib.get_close_matches(name.casefold(), list(by_folded), n=1)
    if not similar:
        return f"; --map {shlex.quote(f'{name}=')} leaves it out"
    meant = by_folded[similar[0]]
    return f"; did you mean {meant}? --map {shlex.quote(f'{name}={meant}')}"


def _from_found(settings: TilingSettings, found: Collection[str]) -> dict[str, int]:
    """Return the classes in alphabetical order, numbered from 1; what training ignores has the highest label."""
    meant = {settings.renamed.get(name, name) for name in found}
    raise_together(
        AnnotationError,
        "classes cannot be labels",
        [
            f"class {name!r}: expected a name in one line"
            for name in sorted(meant)
            if name != LEFT_OUT and not is_name(name)
        ],
    )
    names = sorted(meant - {LEFT_OUT, settings.roi, BACKGROUND, IGNORE})
    if IGNORE in meant:
        names.append(IGNORE)
    return {name: number for number, name in enumerate(names, 1)}
