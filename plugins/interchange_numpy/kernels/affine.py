"""x * scale + shift for each channel, and the activation after it, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step
from interchange_numpy.network import Op
from interchange_numpy.tiles import Epilogue, cuts, in_parallel, per_band, shared_by


def choose(op: Op, context: Context) -> Kernel | None:
    """An op "affine", whose channels are made the innermost axis."""
    x, y, a = op.inputs[0], op.outputs[0], op.attributes
    shape = context.shape(x)
    rank, channels = len(shape), shape[a["axis"]]
    order = (*(i for i in range(rank) if i != a["axis"]), a["axis"])
    rows = math.prod(shape) // channels
    scale = a["scale"].astype(np.float32)
    epilogue = Epilogue.of(a)
    has_gaps = y in context.gapped
    lead = [shape[i] for i in order[:-1]]
    lines = math.prod(lead[:-1])  # of `width` rows each
    width = lead[-1]
    per = min(per_band(lines, width * channels), shared_by(context.network.threads, lines, 8 * rows * channels))
    scratch: dict[str, Scratch] = {}
    if has_gaps:
        scratch["tile"] = ((per * width * channels,), np.float32)
    scratch |= epilogue.scratch(per * width * channels)

    def emit(memory: Memory) -> Iterator[Step]:
        source, out = memory[x].transpose(order), memory[y].transpose(order)
        flat = source.reshape(lines, width, channels)
        places = list(np.ndindex(*lead[:-1])) if has_gaps else []

        def band(memory: Memory, part: slice) -> Iterator[Step]:
            spare = epilogue.spare(memory)
            seen = flat[part]
            if not has_gaps:
                target = out.reshape(lines, width, channels)[part]
                yield np.multiply, (seen, scale, target)
                yield from epilogue.steps(target, target, None, spare)
                return
            tile = memory.scratch("tile")[: seen.size].reshape(seen.shape)
            yield np.multiply, (seen, scale, tile)
            for i, row in enumerate(places[part]):
                yield from epilogue.steps(tile[i], out[row], None, spare)

        yield from in_parallel(memory, ((part,) for part in cuts(lines, per, memory.workers.threads)), band)

    return Kernel(
        emit, scratch=scratch, private=frozenset(scratch), orders={y: order}, wants={x: order}, overwrites=(x,)
    )


KERNELS = {"affine": choose}
