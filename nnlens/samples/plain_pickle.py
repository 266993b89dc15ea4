"""Read pickles that hold plain data only: dict, list, tuple, bytes, text, integers and NumPy arrays of integers.

A pickle is a program, and the one that Python runs it with can call anything. This one knows only the instructions that
build plain data, and of all functions only stand-ins for those that pickled arrays need: they write down what they are
given, and an array is then made of its bytes here. NumPy's own would be no protection, as they believe the pickle about
where objects lie in memory.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlens.errors import SamplesError

LARGEST = 2**28
"""Bytes of a file; the largest of CIFAR's has 155 million."""
OPCODES = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET "
    "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT GLOBAL STACK_GLOBAL REDUCE"
)
INTEGERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)}


class _Dtype:
    """What a pickle says of an array's type."""

    __slots__ = ("_order", "_text")

    def __init__(self, text: object, *_: object) -> None:
        text = text.decode("latin1") if isinstance(text, bytes) else text
        if not isinstance(text, str) or text.lstrip("|<>=") not in INTEGERS:
            raise ValueError("an array of something else than integers")
        self._text, self._order = text.lstrip("|<>="), "="

    def build(self, state: Any) -> None:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if not isinstance(order, str) or order not in ("<", ">", "|", "="):
            raise ValueError("a byte order that is none")
        self._order = order

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._text)


class _Array:
    """An array as a pickle tells it: nothing, until its state comes."""

    __slots__ = ("_values",)

    def build(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.fill(data, dtype, shape, "F" if fortran else "C")

    def fill(self, data: Any, dtype: Any, shape: Any, order: Any) -> None:
        if not (isinstance(data, bytes) and isinstance(dtype, _Dtype) and isinstance(shape, tuple)):
            raise ValueError("an array that is none")
        if not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 4:
            raise ValueError("an array without a shape")
        kind = dtype.numpy()
        if len(data) != math.prod(shape) * kind.itemsize:
            raise ValueError("an array with another number of bytes than its shape says")
        self._values = np.frombuffer(data, kind).reshape(shape, order="F" if order == "F" else "C")

    def values(self) -> NDArray[Any]:
        return self._values


class _StandIn:
    """A function that a pickle may name; no type, and without attributes that a pickle could set."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *args: object) -> object:
        return self._call(*args)


def _from_buffer(data: object, dtype: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.fill(data, dtype, shape, order)
    return array


def _no_call(*_: object) -> object:
    raise ValueError("a call of a type")


STAND_INS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _no_call,
    ("numpy", "dtype"): _Dtype,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): lambda *_: _Array() for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


_Python: Any = pickle._Unpickler  # type: ignore[attr-defined,unused-ignore]


class _Reader(_Python):
    """Python's own in Python rather than C: only there can instructions be taken away."""

    dispatch: dict[int, Callable[[Any], None]] = {
        code: _Python.dispatch[code] for code in (getattr(pickle, name)[0] for name in OPCODES.split())
    }

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="bytes")
        self._left = len(data)

    def find_class(self, module: str, name: str) -> _StandIn:
        if (module, name) == ("_codecs", "encode"):
            return _StandIn(self._encode)
        if (module, name) not in STAND_INS:
            raise pickle.UnpicklingError("a function or type that is no plain data")
        return _StandIn(STAND_INS[module, name])

    def _encode(self, text: object, encoding: object) -> bytes:
        """Undo how Python 3 writes bytes for Python 2; once each, so that no short file can fill the memory."""
        if not isinstance(text, str) or encoding != "latin1" or len(text) > self._left:
            raise pickle.UnpicklingError("text that is no bytes")
        self._left -= len(text)
        return text.encode("latin1")

    def load_build(self) -> None:
        state = self.stack.pop()
        self.stack[-1].build(state)  # only the two stand-ins for objects have it

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._set(self.stack[-1], items)

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self._set(self.stack[-1], items)

    def load_bytearray8(self) -> None:
        (length,) = struct.unpack("<Q", self.read(8))
        self.stack.append(bytes(self.read(min(length, LARGEST))))

    def _set(self, target: object, items: list[Any]) -> None:
        """Set items by names only: the hash of tuples in tuples could take for ever."""
        keys = items[::2]
        if not isinstance(target, dict) or not all(isinstance(key, str | bytes | int) for key in keys):
            raise pickle.UnpicklingError("a dict with other keys than names")
        target.update(zip(keys, items[1::2], strict=True))

    dispatch |= {
        pickle.BUILD[0]: load_build,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }


def read_pickle(path: Path) -> dict[str, Any]:
    """Read a pickled dict of plain data; of Python 2 or 3.

    Returns
    -------
    dict
        Names are text. Arrays are ndarray, read-only; what else was bytes stays so.

    Raises
    ------
    SamplesError
        If the file is damaged, or holds anything else than plain data.
    """
    hint = "Fetch the file again from where it comes."
    try:
        if path.stat().st_size > LARGEST:
            raise SamplesError(f"{path.name} is larger than {LARGEST >> 20} MB.", hint)
        found = _Reader(path.read_bytes()).load()
        if not isinstance(found, dict):
            raise SamplesError(f"{path.name} holds no dict.", hint)
        return {
            _text(key): each.values() if isinstance(each, _Array) else each for key, each in found.items()
        }
    except SamplesError:
        raise
    except Exception as error:  # a pickle is a program: any instruction can fail in any way
        raise SamplesError(
            f"{path.name} cannot be read: it is damaged, or holds more than plain data and was not run.", hint
        ) from error


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)
