"""x * scale + shift for each channel, and the activation after it, some rows at a time.

The numbers of the channels are repeated for several pixels, so that the inner loop is long: an image of 224x224x3 takes
0.08 ms so, 0.34 with each pixel alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from interchange.graph import Array
from interchange_numpy.kernel import Context, Kernel, Memory, Scratch, Step
from interchange_numpy.network import Op
from interchange_numpy.tiles import Epilogue, bands, in_parallel, per_band, shared_by, together_of


def choose(op: Op, context: Context) -> Kernel | None:
    """An op "affine", whose channels are made the innermost axis."""
    x, y, a = op.inputs[0], op.outputs[0], op.attributes
    shape = context.shape(x)
    rank, channels = len(shape), shape[a["axis"]]
    order = (*(i for i in range(rank) if i != a["axis"]), a["axis"])
    *several, lines, width = 1, 1, *(shape[i] for i in order[:-1])
    images = math.prod(several)
    halo = context.network.halos.get(y)
    # Pixels with a border around their channels do not lie side by side.
    are_long = halo is None or (halo.order == order and not any(halo.pads[a["axis"]]))
    together = together_of(width, channels) if are_long else 1
    scale = np.tile(a["scale"].astype(np.float32), together)
    shift = None if a["shift"] is None else np.tile(a["shift"].astype(np.float32), together)
    epilogue = Epilogue(shift, a["activation"])
    has_gaps = y in context.gapped
    work = 8 * math.prod(shape)
    per = min(per_band(lines, width * channels), shared_by(context.network.threads, images * lines, work), lines)
    scratch: dict[str, Scratch] = {}
    if has_gaps:
        scratch["tile"] = ((per * width * channels,), np.float32)
    scratch |= epilogue.scratch(per * width * channels)

    def emit(memory: Memory) -> Iterator[Step]:
        def rows(array: Array) -> Array:
            return array.transpose(order).reshape(images, lines, width // together, together * channels)

        source, out = rows(memory[x]), rows(memory[y])

        def band(memory: Memory, images: slice, lines: slice) -> Iterator[Step]:
            seen, target = source[images, lines], out[images, lines]
            tile = memory.scratch("tile")[: seen.size].reshape(seen.shape) if has_gaps else target
            yield np.multiply, (seen, scale, tile)
            if has_gaps and shift is not None and epilogue.activation is None:
                yield np.add, (tile, shift, target)
            else:
                yield from epilogue.steps(tile, target, None, epilogue.spare(memory))

        yield from in_parallel(memory, bands(images, lines, per, memory.workers.threads), band)

    return Kernel(
        emit, scratch=scratch, private=frozenset(scratch), orders={y: order}, wants={x: order}, overwrites=(x,)
    )


KERNELS = {"affine": choose}
