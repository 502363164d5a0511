"""Hashes of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interchange.ops.own.hashing import _ALL, _farmhash, _siphash

from interchange_pyscript.kernels.tensor import Tensor


def hashed(x: Tensor, function: Callable[[bytes], int]) -> Tensor:
    """The function of the UTF-8 bytes of each text, of an integer of its decimal digits."""
    return Tensor([function(str(item).encode("utf-8", "surrogateescape")) for item in x.values], x.shape)


def Fingerprint64(x: Tensor) -> Tensor:
    """FarmHash's Fingerprint64 of each text, uint64 (G. Pike, FarmHash 1.1, the function farmhashna::Hash64)."""
    return hashed(x, _farmhash)


def SipHash(x: Tensor, *, key: Sequence[int]) -> Tensor:
    """SipHash-2-4 of each text under a key of two integers, uint64.

    J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (2012).
    """
    if len(key) != 2:
        raise ValueError(f"the key has {len(key)} parts instead of 2")
    first, second = (int(part) & _ALL for part in key)
    return hashed(x, lambda data: _siphash(data, first, second))
