"""Pickles written by hand that try to run code, or to take far more memory or time than their size suggests.

Each value of `HOSTILE` is a complete pickle. Those that run code would set `CANARY`.
"""

import pickle
import struct
from collections.abc import Iterable

import numpy as np

CANARY: list[object] = []
EXTENSION = 0xF3


def sing(*_: object) -> list[object]:
    """Leave a trace: a pickle has called this."""
    CANARY.append("sung")
    return CANARY


def text(value: str) -> bytes:
    content = value.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def data(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def number(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def named(module: str, name: str) -> bytes:
    """Refer to a name as protocol 4 does: `name` may have dots there."""
    return text(module) + text(name) + b"\x93"


def named_in_text(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


def whole(*parts: bytes, protocol: int = 4) -> bytes:
    return (b"\x80" + bytes([protocol]) if protocol > 1 else b"") + b"".join(parts) + b"."


def dtype(code: str, state: bytes = b"") -> bytes:
    return called(named("numpy", "dtype"), text(code), b"\x89", b"\x88") + state


def array(state: Iterable[bytes], kind: bytes = named("numpy", "ndarray"), shape: bytes = number(0) + b"\x85") -> bytes:
    begun = called(named("numpy._core.multiarray", "_reconstruct"), kind, shape, data(b"b"))
    return begun + b"(" + b"".join(state) + b"tb"


def array_of(code: str, shape: int, raw: bytes) -> bytes:
    return array([number(1), number(shape) + b"\x85", dtype(code), b"\x89", raw])


SING = ("tests.foundation.safe_loading.hostile_pickles", "sing")
ORDERED = named("collections", "OrderedDict")
NESTED = data(whole(called(named(*SING))))
RANGE = called(named("builtins", "range"), number(0), number(10**12), number(1))
BYTES = data(bytes(1 << 20)) + b"\x940"
LIST = b"](" + b"N" * 100_000 + b"e\x940"
PAIRS = b"".join(b"K\x00M" + struct.pack("<H", index) + b"\x86" for index in range(9000))
MANY = 60_000

_CALLS = {
    f"{'.'.join(name)}, protocol {protocol}": whole(called(reference(*name)), protocol=protocol)
    for protocol, reference in enumerate([named_in_text] * 4 + [named] * 2)
    for name in (SING, ("builtins", "eval"), ("builtins", "getattr"), ("os", "system"), ("numpy", "load"))
}
_NAMES = {
    f"name {module} {name}": whole(reference(module, name))
    for module, name in (
        *(("numpy.dtypes", name) for name in ("__spec__", "__dict__", "__builtins__", "Float64DType.__init__")),
        *(("numpy", name) for name in ("__builtins__", "ndarray.tofile", "dtype.__class__", "memmap", "os")),
        *(("builtins", name) for name in ("set.__class__", "bytearray.__init__", "__import__", "object", "type")),
        *(("collections", name) for name in ("OrderedDict.fromkeys", "_sys", "_sys.modules", "abc", "namedtuple")),
        *(("_codecs", name) for name in ("decode", "lookup", "encode.__self__", "register")),
        *(("numpy._core.multiarray", name) for name in ("__loader__", "fromfile", "empty")),
        *(("numpy._core.numeric", name) for name in ("_frombuffer.__globals__", "__builtins__", "fromfunction")),
        *(("numpy.core.evil", name) for name in ("scalar",)),
        *((module, "scalar") for module in ("numpyX.core.multiarray", "numpy", "numpy..core.multiarray")),
        ("copyreg", "_reconstructor"),
        ("", ""),
        ("numpy\n", "dtype\x1b[2J"),
    )
    for reference in (named,)
}
_CLASSES = {
    "INST": b"(i" + "{}\n{}\n.".format(*SING).encode(),
    "INST of an allowed class": b"(icollections\nOrderedDict\n.",
    "OBJ": b"(" + named_in_text(*SING) + b"o.",
    "OBJ of an allowed class": b"(" + named_in_text("collections", "OrderedDict") + b"o.",
    "NEWOBJ": whole(ORDERED, b")\x81"),
    "NEWOBJ_EX": whole(ORDERED, b")}\x92"),
    "EXT1": whole(b"\x82" + bytes([EXTENSION]), b")R"),
    "EXT2": whole(b"\x83" + struct.pack("<H", EXTENSION), b")R"),
    "EXT4": whole(b"\x84" + struct.pack("<i", EXTENSION), b")R"),
    "PERSID": b"Ptests\n.",
    "BINPERSID": whole(text("x"), b"Q"),
    "NEXT_BUFFER": whole(b"\x97", protocol=5),
    "READONLY_BUFFER": whole(data(b"x"), b"\x98", protocol=5),
    "DUP": whole(b"]2a"),
}
_STATES = {
    "attributes of an OrderedDict": whole(called(ORDERED), b"}", text("items"), text("x"), b"sb"),
    "a state tuple of an OrderedDict": whole(called(ORDERED), b"N}", text("items"), text("x"), b"s\x86b"),
    "attributes of a class": whole(ORDERED, b"N}", text("__doc__"), text("x"), b"s\x86b"),
    "attributes of a function": whole(named("numpy._core.numeric", "_frombuffer"), b"N}", text("a"), b"Ns\x86b"),
    "attributes of a list": whole(b"]}b"),
    "state of a number": whole(number(3), b"}b"),
    "attributes of an array": whole(array([]), b"}b"),
    "fields of a dtype": whole(dtype("f8", b"(" + number(3) + text("|") + b"NN})K\x08K\x01K\x00tb")),
    "a longer text type": whole(dtype("U2", b"(" + number(3) + text("<") + b"NNN" + number(2**30) + b"K\x04K\x08tb")),
    "flags of objects": whole(dtype("U2", b"(" + number(3) + text("<") + b"NNNK\x08K\x04K\x3ftb")),
    "state of a dtype with an array": whole(dtype("f8", array_of("u1", 2, data(b"ab")) + b"\x85b")),
    "a longer key": whole(b"}(", b"(" + b"N" * 99 + b"t" + b"\x85" * 9, b"Nu"),
}
_VALUES = {
    "number of objects, a nested pickle": whole(called(named("numpy._core.multiarray", "scalar"), dtype("O"), NESTED)),
    "number larger than its bytes": whole(called(named("numpy._core.multiarray", "scalar"), dtype("U9"), data(b"x"))),
    "array of objects": whole(array_of("O", 1, b"]" + number(1) + b"a")),
    "array of a foreign class": whole(array([], kind=named("numpy", "memmap"))),
    "array of a called class": whole(array([], kind=ORDERED)),
    "array begun huge": whole(array([], shape=number(2**40) + b"\x85")),
    "array shorter than its shape": whole(array_of("f8", 2**40, data(b"12345678"))),
    "array of negative length": whole(array_of("f8", -1, data(b"12345678"))),
    "array of many text without letters": whole(array_of("U0", 2**40, data(b""))),
    "buffer shorter than its shape": whole(
        called(
            *(named("numpy._core.numeric", "_frombuffer"), data(b"1234"), dtype("f4")),
            *(number(2**40) + b"\x85", text("C")),
        )
    ),
    "dtype of fields": whole(called(named("numpy", "dtype"), text("f8,f8"), b"\x89", b"\x88")),
    "dtype of a huge void": whole(dtype("V2000000000")),
    "dtype of a huge text": whole(dtype("U2000000000")),
    "dtype of a list": whole(called(named("numpy", "dtype"), b"]", b"\x89", b"\x88")),
    "encode by another codec": whole(called(named("_codecs", "encode"), text("x"), text("rot13"))),
    "bytearray of a length": whole(called(named("builtins", "bytearray"), number(10**12))),
    "bytes of a length": whole(called(named("builtins", "bytes"), number(10**12))),
    "set of a range": whole(
        called(named("builtins", "set"), called(named("builtins", "range"), number(0), number(10**12), number(1)))
    ),
    "frozenset of a range": whole(
        called(named("builtins", "frozenset"), called(named("builtins", "range"), number(0), number(10**12), number(1)))
    ),
    "OrderedDict of a range": whole(called(ORDERED, RANGE)),
    "complex of text": whole(called(named("builtins", "complex"), text("1" * 9))),
    "slice of slices": whole(named("builtins", "slice"), b"NNN\x87R\x940", named("builtins", "slice"), b"h\x00NN\x87R"),
    "a name that nobody calls": whole(ORDERED),
    "call of a value": whole(text("x"), b")R"),
    "call without a tuple": whole(ORDERED, b"]R"),
    "items for a bytearray": whole(called(named("builtins", "bytearray")), number(1), b"a"),
    "items for an array": whole(array_of("u1", 1, data(b"x")), number(0), number(1), b"s"),
    "a list as a key": whole(b"}]Ns"),
    "a huge number as a key": whole(b"}", number(2**64), b"Ns"),
}
_SIZES = {
    "BINBYTES8": whole(b"\x8e" + struct.pack("<Q", 2**40), b"x"),
    "BINUNICODE8": whole(b"\x8d" + struct.pack("<Q", 2**40), b"x"),
    "BYTEARRAY8": whole(b"\x96" + struct.pack("<Q", 2**40), b"x", protocol=5),
    "BINBYTES8 beyond all": whole(b"\x8e" + b"\xff" * 8, b"x"),
    "LONG4": whole(b"\x8b" + struct.pack("<i", 2**31 - 1), b"x"),
    "LONG4 negative": whole(b"\x8b" + struct.pack("<i", -1), b"x"),
    "LONG1 of 200 bytes": whole(b"\x8a\xc8" + b"\x7f" * 200),
    "LONG in digits": b"L" + b"9" * 100_000 + b"L\n.",
    "INT in digits": b"I" + b"9" * 100_000 + b"\n.",
    "BINSTRING negative": b"T" + struct.pack("<i", -5) + b"x.",
    "GET of nothing": b"g5\n.",
    "many sets": whole(b"]", b"\x8f0" * 500_001),
    "many tuples as keys": whole(b"\x8f(", PAIRS, b"\x90"),
    "one array many times": whole(b"](", BYTES, array_of("u1", 1 << 20, b"h\x00") * 500, b"e"),
    "one set many times": whole(b"](", LIST, (named("builtins", "set") + b"h\x00\x85R") * 300, b"e"),
    "deep lists": whole(b"]" * MANY, b"a" * (MANY - 1)),
    "deep tuples": whole(b")", b"\x85" * MANY),
    "deep tuples as a key": whole(b"})", b"\x85" * MANY, b"Ns"),
    "deep dicts": whole(b"}" * 2, b"N" + b"}" * 3, b"s"),
    "a list in itself": whole(b"]\x94h\x00a"),
    "a dict in itself": whole(b"}\x94Nh\x00s"),
    "a tuple in itself": whole(b"]\x94h\x00\x85a"),
    "doubling lists": whole(b"]\x94", *[b"0](h" + bytes([i]) + b"h" + bytes([i]) + b"e\x94" for i in range(60)]),
    "a stack that runs out": b"aaaa.",
    "tuple of nothing": whole(b"\x87"),
    "marks that run out": b"t.",
    "no end": b"]]",
    "several values": whole(b"]]"),
    "protocol 9": whole(b"]", protocol=9),
    "a list of one large dict, very often": whole(
        b"}q\x00(", *(b"J" + struct.pack("<i", key) + b"N" for key in range(100_000)), b"u0](", b"h\x00" * 5000, b"e"
    ),
    "one long text as a number, very often": whole(
        named("numpy._core.multiarray", "scalar"), b"q\x000", dtype("S900000"), b"q\x010",
        data(bytes(900_000)), b"q\x020](", b"h\x00h\x01h\x02\x86R" * 3000, b"e",
    ),
}  # fmt: skip
HOSTILE = {**_CALLS, **_NAMES, **_CLASSES, **_STATES, **_VALUES, **_SIZES}

ODD = {
    "memo of 4 billion places": (whole(b"]r\xff\xff\xff\xff"), []),
    "a frame that claims an exabyte": (whole(b"\x95" + struct.pack("<Q", 2**60), b"N"), None),
    "frames in frames": (whole(b"\x95" + struct.pack("<Q", 9), b"\x95" + struct.pack("<Q", 0), b"N"), None),
    "bytes after the end": (whole(b"N") + b"cos\nsystem\n", None),
    "an array": (whole(array_of("u1", 2, data(b"ab"))), np.frombuffer(b"ab", "u1")),
}
"""Unusual, but harmless: name -> (pickle, its value)."""
