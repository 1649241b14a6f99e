"""A small language for what a JSON file has to contain; a schema answers with one line for each thing wrong.

    Record({"spacing": ListOf(number(above=0), 3, 3)}).problems({"spacing": [1, 0, 2]})
    -> spacing[1] is 0, expected a number above 0

Schemas are values without state. Python's own `jsonschema` says less ("0 is less than or equal to the minimum of 0"),
cannot tell True from 1 by default, and would be a dependency of stage 1.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from s1.problem_lists import closest_name

Place = tuple[str | int, ...]
_LONGEST_SHOWN = 60
_LONGEST_FILE_NAME = 255
_MOST_KEYS_SHOWN = 8
_CONTROL = ("Cc", "Zl", "Zp")
_SIMPLE_KEY = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a value inside a file."""

    text: str
    """What is wrong, as the end of a sentence that starts with the entry."""
    place: Place = ()
    """Keys and positions that lead to the value."""

    def inside(self, key: str | int) -> "Problem":
        """Return the problem as seen from the object or list around it."""
        return Problem(self.text, (key, *self.place))

    def __str__(self) -> str:
        return f"{dotted(self.place)} {self.text}".lstrip()


class Schema(Protocol):
    """What a value has to be."""

    @property
    def expected(self) -> str:
        """The value in words, such as 'a list of texts'."""

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return everything wrong with the value."""


@dataclass(frozen=True)
class Value:
    """A value that fits if a function says so."""

    expected: str
    fits: Callable[[Any], bool]

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return one problem if the value does not fit."""
        return () if self.fits(value) else (unlike(value, self.expected),)


@dataclass(frozen=True)
class ListOf:
    """A list of values of one kind."""

    item: Schema
    shortest: int = 0
    longest: float = math.inf
    words: str = ""
    """The list in words, if these say more than 'a list'."""

    @property
    def expected(self) -> str:
        """The list in words."""
        if self.words:
            return self.words
        if self.longest == math.inf:
            return "a non-empty list" if self.shortest else "a list"
        return f"a list of {self.shortest}{f' to {self.longest}' * (self.shortest < self.longest)} entries"

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return the problems of the list, or of its entries."""
        if not isinstance(value, list | tuple) or not self.shortest <= len(value) <= self.longest:
            return (unlike(value, self.expected),)
        check = self.item.problems
        return [problem.inside(number) for number, entry in enumerate(value) for problem in check(entry)]


@dataclass(frozen=True)
class MapOf:
    """An object with any keys, whose values are of one kind."""

    item: Schema
    fewest: int = 0
    keys: Schema = Value("a text", lambda key: isinstance(key, str))
    """What the keys have to be."""
    words: str = ""
    """The object in words, if these say more than 'an object'."""

    @property
    def expected(self) -> str:
        """The object in words."""
        return self.words or ("a non-empty object" if self.fewest else "an object")

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return the problem of the object, or those of its keys, or those of its values."""
        if not isinstance(value, dict) or len(value) < self.fewest:
            return (unlike(value, self.expected),)
        wrong_keys = [key for key in value if self.keys.problems(key)]
        found = [Problem(f"has the key {shown(key)}, expected {self.keys.expected}") for key in wrong_keys]
        check = self.item.problems
        return found or [problem.inside(key) for key, entry in value.items() for problem in check(entry)]


@dataclass(frozen=True)
class Record:
    """An object with known keys."""

    required: Mapping[str, Schema] = field(default_factory=dict)
    optional: Mapping[str, Schema] = field(default_factory=dict)
    closed: bool = False
    """Whether other keys are refused; nnU-Net's own files may have any."""

    @property
    def expected(self) -> str:
        """The object in words."""
        return f"an object with {_listed(self.required)}" if self.required else "an object"

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return missing keys, unknown keys if these are refused, and the problems of the values."""
        if not isinstance(value, dict):
            return (unlike(value, self.expected),)
        known = {**self.required, **self.optional}
        missing = {key: key for key in self.required if key not in value}
        found = [Problem(f"lacks {_listed(missing)}; it has {_listed(value)}")] if missing else []
        unknown = [key for key in value if key not in known] if self.closed else []
        found += [Problem(f"has the unknown key {key!r}{closest_name(key, known)}") for key in unknown]
        for key, schema in known.items():
            if key in value:
                found += [problem.inside(key) for problem in schema.problems(value[key])]
        return found


@dataclass(frozen=True)
class Either:
    """A value of one of several kinds."""

    options: tuple[Schema, ...]

    @property
    def expected(self) -> str:
        """The kinds in words."""
        return " or ".join(option.expected for option in self.options)

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return no problem if an option fits; those of a list or object if one option is of this kind, else one."""
        answers = [option.problems(value) for option in self.options]
        if any(not answer for answer in answers):
            return ()
        inner = [answer for answer in answers if answer[0].place]
        return inner[0] if len(inner) == 1 else (unlike(value, self.expected),)


@dataclass(frozen=True)
class Also:
    """A schema with rules about how its entries fit together, which are asked only if the entries are right."""

    schema: Schema
    rules: tuple[Callable[[Any], Iterable[Problem]], ...]

    @property
    def expected(self) -> str:
        """The schema in words."""
        return self.schema.expected

    def problems(self, value: Any) -> Sequence[Problem]:
        """Return the problems of the schema or, without any, of the rules."""
        return self.schema.problems(value) or [problem for rule in self.rules for problem in rule(value)]


ANYTHING = Value("anything", lambda _: True)
OBJECT = Value("an object", lambda value: isinstance(value, dict))
TRUE_OR_FALSE = Value("true or false", lambda value: isinstance(value, bool))
NULL = Value("null", lambda value: value is None)
TEXT = Value("a text", lambda value: isinstance(value, str))
NAME = Value("a non-empty text in one line", lambda value: isinstance(value, str) and is_name(value))
FILE_NAME = Value(
    "a name without path separators, usable for a file", lambda value: isinstance(value, str) and is_file_name(value)
)


def optional(schema: Schema) -> Either:
    """Return a schema that also accepts null."""
    return Either((schema, NULL))


def whole_number(low: float = -math.inf, high: float = math.inf) -> Value:
    """Return the schema of a whole number within a range, ends included; 2.0 is none."""
    return Value(f"a whole number{_range(low, high)}", lambda value: type(value) is int and low <= value <= high)


def number(low: float = -math.inf, high: float = math.inf, above: float = -math.inf) -> Value:
    """Return the schema of a finite number within a range, ends included but for `above`."""
    words = f" above {above}" if above > -math.inf else ""
    return Value(
        f"a number{words}{_range(low, high)}",
        lambda value: _is_finite(value) and above < value and low <= value <= high,
    )


def is_name(text: str) -> bool:
    """Tell whether a text says something and has no line breaks or other control characters."""
    plain = text.isascii() and text.isprintable()
    return text.strip() != "" and (plain or not any(unicodedata.category(character) in _CONTROL for character in text))


def is_file_name(text: str) -> bool:
    """Tell whether a text names a file or folder inside the one it is joined to."""
    size = len(text.encode("utf-8", "surrogatepass"))
    return (
        is_name(text)
        and text.strip() not in (".", "..")
        and not set(text) & set("/\\\0")
        and size <= _LONGEST_FILE_NAME
    )


def unlike(value: Any, expected: str) -> Problem:
    """Return the problem that a value is not what is expected."""
    return Problem(f"is {shown(value)}, expected {expected}")


def escaped(text: object) -> str:
    """Return a key or name as it is, or escaped if it would break a line."""
    return str(text) if str(text).isprintable() else repr(str(text))


def dotted(place: Place) -> str:
    """Return the path to an entry: configurations.2d.patch_size[0]."""
    text = ""
    for key in place:
        if isinstance(key, str) and _SIMPLE_KEY.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{shown(key)}]"
    return text


def shown(value: Any) -> str:
    """Return a value as a short text without line breaks."""
    if isinstance(value, dict):
        return f"an object with {_listed(value)}"
    text = _in_json(value) if value is None or isinstance(value, bool) else _brief(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]} ..."


def _brief(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return repr(value).replace("\n", " ")  # arrays, which files other than JSON contain, have lines
    if any(isinstance(entry, dict | list | tuple) for entry in value) or len(value) > _MOST_KEYS_SHOWN:
        return f"a list of {len(value)} entries"
    return f"[{', '.join(map(shown, value))}]"


def _in_json(value: bool | None) -> str:
    return "null" if value is None else str(value).lower()


def _listed(content: Mapping[str, Any]) -> str:
    keys = [shown(key) for key in list(content)[:_MOST_KEYS_SHOWN]]
    more = f" and {len(content) - len(keys)} more" if len(content) > len(keys) else ""
    return f"the key{'s' * (len(content) > 1)} {', '.join(keys)}{more}" if keys else "no keys"


def _range(low: float, high: float) -> str:
    if low > -math.inf and high < math.inf:
        return f" from {low} to {high}"
    if low > -math.inf:
        return f", {low} or more"
    return f" up to {high}" if high < math.inf else ""


def _is_finite(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


NUMBER = number()
NUMBER_OR_NAN = Value("a number or NaN", lambda value: type(value) is float or _is_finite(value))
"""nnU-Net writes NaN where a metric does not exist, such as the Dice of a class that is nowhere."""
