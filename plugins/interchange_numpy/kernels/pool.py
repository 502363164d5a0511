"""Pools: along the columns first, then along the rows of what is left, channels innermost.

k + k passes over shrinking data instead of k * k: 112x112x64, 3x3 with stride 2, takes 0.50 ms, one pass for each tap
0.92, the maximum over windows 2.24 (AVX2; 1 to 1.2 to 4 on a Zen 4). Means over whole images are products with a row of
1 / n, which the BLAS reads at 9 Gel/s where np.mean does 3 (17 to 21 and 2 to 7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_numpy.geometry import images_of
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step, c_order, channels_last, larger
from interchange_numpy.kernels.source import source
from interchange_numpy.network import Op
from interchange_numpy.tiles import bands, in_parallel, per_band, shared_by

Pair = tuple[int, int]


def pooled(op: Op, context: Context) -> Kernel | None:
    a, y, rank = op.attributes, op.outputs[0], len(context.shape(op.outputs[0]))
    nhwc = a["layout"] == "NHWC"
    (kh, kw), (sh, sw) = _pair(a["kernel"]), _pair(a["strides"])
    pads = a["pads"] if rank == 4 else ((0, 0), *a["pads"])
    fill = 0.0 if a["zeros"] or not a["largest"] else -np.inf
    read = source(op.inputs[0], nhwc, pads, context, fill=fill)
    images, size, channels = read.shape[0], read.shape[1:3], read.shape[3]
    shape = context.shape(y)
    height, width = _pair(shape[1:-1] if nhwc else shape[2:])
    wide = (width - 1) * sw + kw
    work = images * height * wide * channels * (kh + kw)
    per = min(per_band(height, wide * channels), shared_by(context.network.threads, images * height, work))
    scratch: dict[str, Scratch] = {**read.scratch}
    if kh > 1:
        scratch["rows"] = ((per * wide * channels,), np.float32)
    join = larger if a["largest"] else _sum
    divisor = None if a["largest"] else _counts(size, (height, width), (kh, kw), (sh, sw), pads, a["count_pads"])

    def emit(memory: Memory) -> Iterator[Step]:
        yield from read.steps(memory)
        x, out = read.array(memory), images_of(memory[y], nhwc)

        def band(memory: Memory, at: slice, lines: slice) -> Iterator[Step]:
            n, count = at.stop - at.start, lines.stop - lines.start
            seen = x[at, lines.start * sh :, :wide]
            target = out[at, lines]
            rows = [seen[:, k : k + sh * (count - 1) + 1 : sh] for k in range(kh)]
            tall = rows[0]
            if kh > 1:
                tall = memory.scratch("rows")[: n * count * wide * channels].reshape(n, count, wide, channels)
                yield from _joined(join, rows, tall)
            columns = [tall[:, :, k : k + sw * (width - 1) + 1 : sw] for k in range(kw)]
            yield from _joined(join, columns, target)
            if divisor is not None:
                yield np.divide, (target, divisor[lines], target)

        yield from in_parallel(memory, bands(images, height, per, memory.workers.threads), band)

    order = c_order(rank) if nhwc else channels_last(rank)
    return Kernel(emit, scratch=scratch, private=frozenset(("rows",)), orders={y: order}, wants=read.wants)


def _pair(sizes: Any) -> Pair:
    return (1, int(sizes[0])) if len(sizes) == 1 else (int(sizes[0]), int(sizes[1]))


def _sum(a: Array, b: Array, out: Array) -> Step:
    return np.add, (a, b, out)


def _joined(join: Callable[[Array, Array, Array], Step], parts: list[Array], out: Array) -> Iterator[Step]:
    if len(parts) == 1:
        yield np.copyto, (out, parts[0])
        return
    yield join(parts[0], parts[1], out)
    for part in parts[2:]:
        yield join(out, part, out)


def _counts(size: Pair, out: Pair, kernel: Pair, strides: Pair, pads: tuple[Pair, Pair], pads_count: bool) -> Array:
    """How many values each mean is of: (height, width, 1), float32."""
    lengths = []
    for n, m, k, s, (before, _) in zip(size, out, kernel, strides, pads, strict=True):
        starts = np.arange(m) * s - before
        inside = np.minimum(starts + k, n) - np.maximum(starts, 0)
        lengths.append(np.full(m, k) if pads_count else inside)
    counts: Array = np.outer(*lengths)[:, :, None].astype(np.float32)
    return np.full((out[0], 1, 1), counts.flat[0], np.float32) if (counts == counts.flat[0]).all() else counts


def mean(op: Op, context: Context) -> Kernel | None:
    """GlobalAveragePool, and ReduceMean over all axes between the images and the channels."""
    network, x, y = context.network, op.inputs[0], op.outputs[0]
    shape = context.shape(x)
    rank = len(shape)
    if network.precise or rank < 3 or not network.is_float32(x, y) or y in context.gapped or 0 in shape:
        return None
    spatial = _averaged(op, context)
    if spatial == tuple(range(2, rank)):
        order, channels = channels_last(rank), shape[1]
    elif spatial == tuple(range(1, rank - 1)):
        order, channels = c_order(rank), shape[-1]
    else:
        return None
    places = int(np.prod([shape[axis] for axis in spatial]))
    weights = np.full((1, places), 1 / places, np.float32)
    last = (0, *(i for i in order if i in spatial), next(i for i in range(1, rank) if i not in spatial))

    def emit(memory: Memory) -> Iterator[Step]:
        seen = memory[x].transpose(last).reshape(shape[0], places, channels)
        yield np.matmul, (weights, seen, memory[y].reshape(shape[0], 1, channels))

    return Kernel(emit, wants={x: order})


def _averaged(op: Op, context: Context) -> tuple[int, ...]:
    """The axes over which the mean is taken; () where that is not known."""
    rank = len(context.shape(op.inputs[0]))
    if op.kind == "GlobalAveragePool":
        nhwc = op.attributes.get("layout", "NCHW") == "NHWC"
        return tuple(range(1, rank - 1)) if nhwc else tuple(range(2, rank))
    axes = context.network.constants.get(op.inputs[1]) if len(op.inputs) > 1 and op.inputs[1] else None
    return () if axes is None else tuple(sorted(int(axis) % rank for axis in axes.ravel()))


KERNELS = {"pool": pooled, "GlobalAveragePool": mean, "ReduceMean": mean}
