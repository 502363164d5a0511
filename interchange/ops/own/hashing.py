"""Hashes of texts: of each its UTF-8 bytes, of an integer its decimal digits. All arithmetic is modulo 2^64."""

from __future__ import annotations

import numpy as np

_ALL = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127  # primes of FarmHash
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F


def _hashed(x, function):
    """The function of the bytes of each text."""
    texts = (str(item) for item in x.ravel().tolist())
    return np.array([function(text.encode("utf-8", "surrogateescape")) for text in texts], np.uint64).reshape(x.shape)


def Fingerprint64(x):
    """FarmHash's Fingerprint64 of each text, uint64 (G. Pike, FarmHash 1.1, the function farmhashna::Hash64)."""
    return _hashed(x, _farmhash)


def SipHash(x, *, key):
    """SipHash-2-4 of each text under a key of two integers, uint64.

    J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012).
    """
    if len(key) != 2:
        raise ValueError(f"the key has {len(key)} parts instead of 2")
    first, second = (int(part) & _ALL for part in key)
    return _hashed(x, lambda data: _siphash(data, first, second))


def _rotated(v: int, n: int) -> int:
    """v turned right by n bits."""
    return (v >> n | v << (64 - n)) & _ALL


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _mixed(v: int) -> int:
    return v ^ v >> 47


def _pair(u: int, v: int, mul: int) -> int:
    """Two words as one."""
    a = _mixed((u ^ v) * mul & _ALL)
    b = _mixed((v ^ a) * mul & _ALL)
    return b * mul & _ALL


def _farmhash(data: bytes) -> int:
    size = len(data)
    if size > 64:
        return _farmhash_long(data)
    mul = _K2 + 2 * size & _ALL
    if size > 16:
        a = _word(data, 0) * (_K1 if size <= 32 else _K2) & _ALL
        b = _word(data, 8)
        c = _word(data, size - 8) * mul & _ALL
        d = _word(data, size - 16) * _K2 & _ALL
        y = _rotated(a + b & _ALL, 43) + _rotated(c, 30) + d & _ALL
        z = a + _rotated(b + _K2 & _ALL, 18) + c & _ALL
        if size <= 32:
            return _pair(y, z, mul)
        z = _pair(y, z, mul)
        e = _word(data, 16) * mul & _ALL
        f = _word(data, 24)
        g = (y + _word(data, size - 32)) * mul & _ALL
        h = (z + _word(data, size - 24)) * mul & _ALL
        last = _rotated(e + f & _ALL, 43) + _rotated(g, 30) + h & _ALL
        return _pair(last, e + _rotated(f + a & _ALL, 18) + g & _ALL, mul)
    if size >= 8:
        a = _word(data, 0) + _K2 & _ALL
        b = _word(data, size - 8)
        c = _rotated(b, 37) * mul + a & _ALL
        d = (_rotated(a, 25) + b) * mul & _ALL
        return _pair(c, d, mul)
    if size >= 4:
        return _pair(size + (_word(data, 0, 4) << 3), _word(data, size - 4, 4), mul)
    if size > 0:
        y = data[0] + (data[size // 2] << 8)
        z = size + (data[-1] << 2)
        return _mixed((y * _K2 ^ z * _K0) & _ALL) * _K2 & _ALL
    return _K2


def _seeded(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Four words and two seeds as two words."""
    w, x, y, z = (_word(data, at + 8 * i) for i in range(4))
    a = a + w & _ALL
    b = _rotated(b + a + z & _ALL, 21)
    total = a + x + y & _ALL
    return total + z & _ALL, b + _rotated(total, 44) + a & _ALL


def _farmhash_long(data: bytes) -> int:
    """More than 64 bytes: all blocks of 64, the last of which may be short, then the last 64 once more."""
    x, y = 81, 81 * _K1 + 113 & _ALL
    z = _mixed(y * _K2 + 113 & _ALL) * _K2 & _ALL
    v, w = (0, 0), (0, 0)
    x = x * _K2 + _word(data, 0) & _ALL
    blocks, rest = divmod(len(data) - 1, 64)
    for i, at in enumerate((*range(0, 64 * blocks, 64), len(data) - 64)):
        mul, factor = _K1, 1
        if i == blocks:
            mul, factor = _K1 + ((z & 0xFF) << 1) & _ALL, 9
            w = (w[0] + rest & _ALL, w[1])
            v = (v[0] + w[0] & _ALL, v[1])
            w = (w[0] + v[0] & _ALL, w[1])
        x = _rotated(x + y + v[0] + _word(data, at + 8) & _ALL, 37) * mul & _ALL
        y = _rotated(y + v[1] + _word(data, at + 48) & _ALL, 42) * mul & _ALL
        x ^= w[1] * factor & _ALL
        y = y + v[0] * factor + _word(data, at + 40) & _ALL
        z = _rotated(z + w[0] & _ALL, 33) * mul & _ALL
        v = _seeded(data, at, v[1] * mul & _ALL, x + w[0] & _ALL)
        w = _seeded(data, at + 32, z + w[1] & _ALL, y + _word(data, at + 16) & _ALL)
        z, x = x, z
    last = _pair(v[0], w[0], mul) + _mixed(y) * _K0 + z & _ALL
    return _pair(last, _pair(v[1], w[1], mul) + x & _ALL, mul)


def _siphash(data: bytes, first: int, second: int) -> int:
    v0, v1 = first ^ 0x736F6D6570736575, second ^ 0x646F72616E646F6D
    v2, v3 = first ^ 0x6C7967656E657261, second ^ 0x7465646279746573
    whole = len(data) // 8 * 8
    words = [_word(data, at) for at in range(0, whole, 8)]
    words.append(_word(data, whole) | (len(data) & 0xFF) << 56)
    for step in (*words, None):
        m = 0 if step is None else step
        v3 ^= m
        v2 ^= 0xFF if step is None else 0
        for _ in range(4 if step is None else 2):
            v0, v2 = v0 + v1 & _ALL, v2 + v3 & _ALL
            v1, v3 = _rotated(v1, 51) ^ v0, _rotated(v3, 48) ^ v2
            v0, v2 = _rotated(v0, 32) + v3 & _ALL, v2 + v1 & _ALL
            v1, v3 = _rotated(v1, 47) ^ v2, _rotated(v3, 43) ^ v0
            v2 = _rotated(v2, 32)
        v0 ^= m
    return v0 ^ v1 ^ v2 ^ v3
