"""Operators that ONNX took over later, under the names and with the attributes that they have had before."""

from __future__ import annotations

from interchange_onnx.microsoft.expansion import Expansion

MODES = {"bilinear": "linear", "bicubic": "cubic", "nearest": "nearest"}


def Pad(at: Expansion, data: str, pads: str, value: str = "", *, mode: str = "constant") -> str:
    """Pad."""
    pads = at.add("Reshape", pads, at.constant([-1]))
    value = at.add("Reshape", value, at.constant([])) if value else ""
    return at.add("Pad", data, pads, value, mode=mode)


def ExpandDims(at: Expansion, x: str, axis: str) -> str:
    """Unsqueeze at one axis."""
    axes = at.add("Reshape", at.add("Cast", axis, to="int64"), at.constant([1]))
    return at.add("Unsqueeze", x, axes)


def GatherND(at: Expansion, data: str, indices: str) -> str:
    """GatherND."""
    return at.add("GatherND", data, at.add("Cast", indices, to="int64"))


def Range(at: Expansion, start: str, limit: str, delta: str = "") -> str:
    """Range; each number may also be a list of one."""
    shape = at.constant([])
    start, limit = at.add("Reshape", start, shape), at.add("Reshape", limit, shape)
    delta = at.add("Reshape", delta, shape) if delta else at.number(1, start)
    return at.add("Range", start, limit, delta)


def Trilu(at: Expansion, x: str, k: str = "", *, upper: int = 1) -> str:
    """Trilu."""
    return at.add("Trilu", x, k, upper=upper)


def Unique(at: Expansion, x: str) -> tuple[str, ...]:
    """What is there, in the order in which it comes first; which of it each value is; how often it is there."""
    y, _, places, counts = at.add_many("Unique", 4, x, sorted=0)
    return y, places, counts


def GridSample(
    at: Expansion,
    x: str,
    grid: str,
    *,
    align_corners: int = 0,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
) -> str:
    """GridSample, with the names of modes that it had at first."""
    if mode not in MODES:
        raise at.unsupported(f"mode={mode!r}")
    return at.add("GridSample", x, grid, align_corners=align_corners, mode=MODES[mode], padding_mode=padding_mode)
