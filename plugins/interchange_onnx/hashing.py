"""Hashes of integers, which TensorFlow makes of their decimal digits, in ONNX's arithmetic.

A number has at most 20 characters, so three forms of FarmHash's Fingerprint64 and three blocks of SipHash are enough.
Words are int64, whose products and sums have the same bits as those of uint64; they are uint64 where they are shifted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interchange.graph import Array, Node, TensorSpec
from interchange_onnx.emitter import Emitter

DIGITS = 19  # of 2^63 - 1
WIDTH = 24  # characters that are made: three words
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _word(value: int) -> Array:
    """Bits of 64 as int64."""
    return np.asarray(value % (1 << 64), np.uint64).astype(np.int64)


@dataclass(frozen=True)
class _Words:
    """Arithmetic on words."""

    e: Emitter

    def sum(self, first: str, *others: str | int) -> str:
        for other in others:
            first = self.e.add("Add", first, other if isinstance(other, str) else _word(other))
        return first

    def times(self, a: str, b: str | int) -> str:
        return self.e.add("Mul", a, b if isinstance(b, str) else _word(b))

    def xor(self, a: str, b: str | int) -> str:
        return self.e.add("BitwiseXor", a, b if isinstance(b, str) else _word(b))

    def shifted(self, a: str, n: int) -> str:
        """To the left; to the right where n is negative, zeros coming in."""
        unsigned = self.e.add("Cast", a, to="uint64")
        direction = "LEFT" if n > 0 else "RIGHT"
        return self.e.add(
            "Cast", self.e.add("BitShift", unsigned, np.asarray(abs(n), np.uint64), direction=direction), to="int64"
        )

    def rotated(self, a: str, n: int) -> str:
        """To the right."""
        return self.e.add("BitwiseOr", self.shifted(a, -n), self.shifted(a, 64 - n))

    def mixed(self, a: str) -> str:
        return self.xor(a, self.shifted(a, -47))

    def pair(self, u: str, v: str, mul: str) -> str:
        a = self.mixed(self.times(self.xor(u, v), mul))
        b = self.mixed(self.times(self.xor(v, a), mul))
        return self.times(b, mul)


@dataclass(frozen=True)
class _Text:
    """The decimal digits of integers, with a sign before those below 0: codes of the characters, and how many."""

    e: Emitter
    codes: str  # (…, WIDTH), 0 after the end
    size: str

    def at(self, start: str | int, count: int = 8) -> str:
        """Little-endian words of the characters from `start` on, which lies in the text; those after its end are 0.

        Four characters at a time, because ONNX Runtime (seen in 1.31.1) sums int64 as float64.
        """
        e = self.e
        begin = e.add("Add", e.add("Mul", self.size, 0), start)
        if count == 8:
            return e.add("Add", self.at(begin, 4), e.add("Mul", self.at(e.add("Add", begin, 4), 4), 1 << 32))
        places = e.add("Add", e.add("Unsqueeze", begin, [-1]), np.arange(count, dtype=np.int64))
        codes = e.add("GatherElements", self.codes, e.add("Clip", places, 0, WIDTH - 1), axis=-1)
        return e.add("ReduceSum", e.add("Mul", codes, 256 ** np.arange(count, dtype=np.int64)), [-1], keepdims=0)

    def before_end(self, distance: int, count: int = 8) -> str:
        return self.at(self.e.add("Sub", self.size, distance), count)


def _text_of(e: Emitter, x: str) -> _Text:
    x = e.add("Cast", x, to="int64")
    cut = e.add("Div", e.add("Unsqueeze", x, [-1]), 10 ** np.arange(DIGITS, dtype=np.int64))
    digits = e.add("Abs", e.add("Mod", cut, 10, fmod=1))
    more = e.add("Cast", e.add("Not", e.add("Equal", e.add("Slice", cut, [1], [DIGITS], [-1]), 0)), to="int64")
    is_below = e.add("Less", x, 0)
    sign = e.add("Cast", is_below, to="int64")
    size = e.add("Add", e.add("Add", e.add("ReduceSum", more, [-1], keepdims=0), 1), sign)
    places = np.arange(WIDTH, dtype=np.int64)
    from_end = e.add("Sub", e.add("Unsqueeze", e.add("Sub", size, 1), [-1]), places)
    codes = e.add("Add", e.add("GatherElements", digits, e.add("Clip", from_end, 0, DIGITS - 1), axis=-1), ord("0"))
    has_sign = e.add("And", e.add("Unsqueeze", is_below, [-1]), places == 0)
    codes = e.add("Where", has_sign, ord("-"), codes)
    return _Text(e, e.add("Where", e.add("Less", from_end, 0), 0, codes), size)


def fingerprint64(e: Emitter, node: Node, specs: Mapping[str, TensorSpec]) -> Sequence[str]:
    """See interchange.ops.own.hashing.Fingerprint64, whose cases of up to 32 bytes these are."""
    w, text = _Words(e), _text_of(e, node.inputs[0])
    size = text.size
    mul = w.sum(w.times(size, 2), K2)
    a, b, c, d = (
        w.times(text.at(0), K1),
        text.at(8),
        w.times(text.before_end(8), mul),
        w.times(text.before_end(16), K2),
    )
    y = w.sum(w.rotated(w.sum(a, b), 43), w.rotated(c, 30), d)
    z = w.sum(a, w.rotated(w.sum(b, K2), 18), c)
    long = w.pair(y, z, mul)  # 17 to 32
    first, last = w.sum(text.at(0), K2), text.before_end(8)
    c = w.sum(w.times(w.rotated(last, 37), mul), first)
    d = w.times(w.sum(w.rotated(first, 25), last), mul)
    middle = w.pair(c, d, mul)  # 8 to 16
    short = w.pair(w.sum(size, w.shifted(text.at(0, 4), 3)), text.before_end(4, 4), mul)  # 4 to 7
    half = text.at(w.shifted(size, -1), 1)
    y = w.sum(text.at(0, 1), w.shifted(half, 8))
    z = w.sum(size, w.shifted(text.before_end(1, 1), 2))
    shortest = w.times(w.mixed(w.xor(w.times(y, K2), w.times(z, K0))), K2)  # 1 to 3
    result = e.add("Where", e.add("Less", size, 4), shortest, short)
    result = e.add("Where", e.add("Less", size, 8), result, middle)
    result = e.add("Where", e.add("Less", size, 17), result, long)
    return [e.add("Cast", result, to="uint64")]


def sip_hash(e: Emitter, node: Node, specs: Mapping[str, TensorSpec]) -> Sequence[str]:
    """See interchange.ops.own.hashing.SipHash. The block in which the text ends holds its length, too."""
    w, text = _Words(e), _text_of(e, node.inputs[0])
    first, second = node.attributes["key"]
    zero = e.add("Mul", text.size, 0)
    state = [
        w.xor(zero, first ^ 0x736F6D6570736575),
        w.xor(zero, second ^ 0x646F72616E646F6D),
        w.xor(zero, first ^ 0x6C7967656E657261),
        w.xor(zero, second ^ 0x7465646279746573),
    ]
    length, ends_in = w.shifted(text.size, 56), w.shifted(text.size, -3)
    for block in range(3):
        is_last = e.add("Equal", ends_in, block)
        word = w.sum(text.at(8 * block), e.add("Where", is_last, length, 0))
        after = [*state[:3], w.xor(state[3], word)]
        for _ in range(2):
            after = _sip_round(w, after)
        after[0] = w.xor(after[0], word)
        is_beyond = e.add("Less", ends_in, block)
        state = [e.add("Where", is_beyond, old, new) for old, new in zip(state, after, strict=True)]
    state[2] = w.xor(state[2], 0xFF)
    for _ in range(4):
        state = _sip_round(w, state)
    result = w.xor(w.xor(state[0], state[1]), w.xor(state[2], state[3]))
    return [e.add("Cast", result, to="uint64")]


def _sip_round(w: _Words, state: list[str]) -> list[str]:
    v0, v1, v2, v3 = state
    v0, v2 = w.sum(v0, v1), w.sum(v2, v3)
    v1, v3 = w.xor(w.rotated(v1, 51), v0), w.xor(w.rotated(v3, 48), v2)
    v0, v2 = w.sum(w.rotated(v0, 32), v3), w.sum(v2, v1)
    v1, v3 = w.xor(w.rotated(v1, 47), v2), w.xor(w.rotated(v3, 43), v0)
    return [v0, v1, w.rotated(v2, 32), v3]
