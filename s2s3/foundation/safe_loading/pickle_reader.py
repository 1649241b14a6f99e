"""Carries out the instructions of a pickle on plain values, within limits of memory and time.

Python's own unpickler imports and calls whatever a file names. This one has no instruction that does: names are
compared with a short list, and what they stand for is built by `pickle_values`. Instructions that only objects of
classes need are unknown to it.
"""

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import IO, Any

from nnunetv2.foundation.safe_loading.pickle_values import (
    Constant,
    ReadingBudget,
    Reference,
    check_keys,
    constructors,
    require,
    set_state,
)
from nnunetv2.foundation.safe_loading.plain_tree import check_tree

MOST_INSTRUCTIONS = 1_000_000
"""One instruction adds at most about 250 bytes besides its own; properties of a case have some hundred."""
_LONGEST_NUMBER_BITS = 512
_ITSELF = ("numpy ndarray",)
_NEWEST_PROTOCOL = 5


class RefusedNameError(UnpicklingError):
    """A pickle refers to something that is not on the list; `name` is printable and short."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Extension:
    """What one kind of file may contain."""

    constructors: Mapping[str, Callable[..., Any]]
    """`<module> <name>` -> function that checks its arguments; all that may be called."""
    names: frozenset[str] = frozenset()
    """Names that stand for themselves."""
    load_persistent: Callable[[Any], Any] | None = None
    """Returns what the file keeps outside of the pickle."""
    set_state: Callable[[Any, Any, ReadingBudget], None] = set_state
    leaves: tuple[type, ...] = ()
    most_instructions: int = MOST_INSTRUCTIONS


def read_pickle(
    stream: IO[bytes],
    size_bytes: int,
    values: Mapping[str, Any],
    budget: ReadingBudget | None = None,
    extension: Extension | None = None,
) -> Any:
    """Return what a pickle of plain values and numpy arrays describes.

    Parameters:
        size_bytes: of the whole stream.
        budget: what may be built; by default in proportion to the stream.
        values: `<module> <name>` -> object; names that stand for a value, which cannot be called.

    Raises RefusedNameError for other names; UnpicklingError, ValueError, TypeError, IndexError, KeyError or
    OverflowError for content that is damaged, or that describes more than a file of its size should.
    """
    budget = budget or ReadingBudget(size_bytes)
    extension = extension or Extension(constructors(budget))
    result = _Machine(budget, values, extension).run(_Bytes(stream, size_bytes))
    check_tree(result, [id(value) for value in values.values()], extension.leaves)
    return result


class _Bytes:
    """A stream for `pickletools`, without memory for more bytes than are left of it."""

    def __init__(self, stream: IO[bytes], size_bytes: int):
        self._stream = stream
        self._left = size_bytes
        self.readline = stream.readline
        self.tell = stream.tell

    def read(self, count: int) -> bytes:
        content = self._stream.read(min(count, self._left))
        self._left -= len(content)
        return content


class _Machine:
    def __init__(self, budget: ReadingBudget, values: Mapping[str, Any], extension: Extension):
        self._budget = budget
        self._constructors = extension.constructors
        self._extension = extension
        self._values = values
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, content: "_Bytes") -> Any:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):  # type: ignore[arg-type]
            if number >= self._extension.most_instructions:
                raise UnpicklingError(f"more than {self._extension.most_instructions} instructions")
            instruction = _INSTRUCTIONS.get(opcode.name)
            if instruction is None:
                raise UnpicklingError(f"it uses the instruction {opcode.name}, which objects of classes need")
            instruction(self, argument)
        require(len(self._stack) == 1, "end")
        return self._stack[0]

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def push_number(self, value: int) -> None:
        require(value.bit_length() <= _LONGEST_NUMBER_BITS, "number, too long")
        self.push(value)

    def protocol(self, number: int) -> None:
        require(number <= _NEWEST_PROTOCOL, f"start, protocol {number}")

    def frame(self, _: int) -> None:
        pass  # says how far to read ahead

    def mark(self, _: None) -> None:
        self._marks.append(len(self._stack))

    def pop(self, _: None) -> None:
        self._stack.pop()

    def items_from_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def remember_next(self, _: None) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def recall(self, index: int) -> None:
        require(index in self._memo, f"reference to value {index}")
        self.push(self._memo[index])

    def pop_to_mark(self, _: None) -> None:
        self.items_from_mark()

    def list_from_mark(self, _: None) -> None:
        self.push(self.items_from_mark())

    def tuple_from_mark(self, _: None) -> None:
        self.push(tuple(self.items_from_mark()))

    def frozenset_from_mark(self, _: None) -> None:
        self.push(self._constructors["builtins frozenset"](self.items_from_mark()))

    def dict_from_mark(self, _: None) -> None:
        items = self.items_from_mark()
        self.push({})
        self._set_items(items)

    def tuple_of(self, count: int) -> None:
        require(len(self._stack) >= count, "tuple")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self.push(items)

    def append(self, _: None) -> None:
        value = self._stack.pop()
        self._top(list).append(value)

    def extend(self, _: None) -> None:
        items = self.items_from_mark()
        self._top(list).extend(items)

    def set_item(self, _: None) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def set_items_from_mark(self, _: None) -> None:
        self._set_items(self.items_from_mark())

    def _set_items(self, items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        check_keys(keys, self._budget)
        self._top(dict, OrderedDict).update(zip(keys, values, strict=True))

    def add_to_set(self, _: None) -> None:
        items = self.items_from_mark()
        check_keys(items, self._budget)
        self._top(set).update(items)

    def _top(self, *kinds: type) -> Any:
        require(type(self._stack[-1]) in kinds, f"container, a {type(self._stack[-1]).__name__}")
        return self._stack[-1]

    def refer(self, name: str) -> None:
        if name in self._values:
            self.push(self._values[name])
        elif name in self._extension.names:
            self.push(Constant(name))
        elif name in self._constructors or name in _ITSELF:
            self.push(Reference(name))
        else:
            raise RefusedNameError(printable(name))

    def refer_to_stack(self, _: None) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        require(type(name) is str and type(module) is str, "name")
        self.refer(f"{module} {name}")

    def call(self, _: None) -> None:
        arguments, reference = self._stack.pop(), self._stack.pop()
        require(type(arguments) is tuple, "arguments")
        require(type(reference) is Reference and reference.name in self._constructors, "call")
        self.push(self._constructors[reference.name](*arguments))

    def build(self, _: None) -> None:
        state = self._stack.pop()
        self._extension.set_state(self._stack[-1], state, self._budget)

    def load_persistent(self, _: None) -> None:
        load = self._extension.load_persistent
        if load is None:
            raise UnpicklingError("it refers to things outside of it (BINPERSID)")
        self.push(load(self._stack.pop()))

    def refuse_instance(self, name: str) -> None:
        raise RefusedNameError(printable(name))


def printable(name: str) -> str:
    """Return a name for messages: on one line, and short."""
    shown = name[:100].replace(" ", ".")
    return shown if shown.isprintable() else ascii(shown)[:100]


_Instruction = Callable[[_Machine, Any], None]


def _constant(make: Callable[[], Any]) -> _Instruction:
    return lambda machine, _: machine.push(make())


def _tuple_of(count: int) -> _Instruction:
    return lambda machine, _: machine.tuple_of(count)


_BINARY = ("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
_TEXT = ("STRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_NUMBERS = ("BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT")
_INSTRUCTIONS: dict[str, _Instruction] = {
    "PROTO": _Machine.protocol,
    "FRAME": _Machine.frame,
    "STOP": _Machine.frame,
    **{name: _Machine.push for name in (*_BINARY, *_TEXT, *_NUMBERS)},
    **{name: _Machine.push_number for name in ("INT", "LONG", "LONG1", "LONG4")},
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_LIST": _constant(list),
    "EMPTY_DICT": _constant(dict),
    "EMPTY_TUPLE": _constant(tuple),
    "EMPTY_SET": _constant(set),
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_to_mark,
    "TUPLE": _Machine.tuple_from_mark,
    **{f"TUPLE{count}": _tuple_of(count) for count in (1, 2, 3)},
    "LIST": _Machine.list_from_mark,
    "DICT": _Machine.dict_from_mark,
    "FROZENSET": _Machine.frozenset_from_mark,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items_from_mark,
    "ADDITEMS": _Machine.add_to_set,
    **{name: _Machine.remember for name in ("PUT", "BINPUT", "LONG_BINPUT")},
    "MEMOIZE": _Machine.remember_next,
    **{name: _Machine.recall for name in ("GET", "BINGET", "LONG_BINGET")},
    "GLOBAL": _Machine.refer,
    "STACK_GLOBAL": _Machine.refer_to_stack,
    "INST": _Machine.refuse_instance,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.load_persistent,
}
