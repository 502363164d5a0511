"""RNN, GRU and LSTM.

* What comes from x is one matrix product for many steps at once (a chunk), biases included: x gets a column of ones.
* All directions and gates lie in one block (gates, directions, batch, hidden), so that a step is a few calls on long
  rows. The step of a chunk is made once; a chunk runs the same calls as the one before.
* sigmoid(z) is (tanh(z / 2) + 1) / 2: the inner ½ goes into the weights, the outer one into what follows, so one tanh
  does all gates. The state is kept as 2h, and R is halved for it. Powers of two change no digit. The halves of the
  LSTM's two terms are added by one dot with (½, ½): for 128 numbers 1.4 µs, an addition and a product take 2.4.
* A GRU's recurrent bias of what is new lies behind what comes from x for the two gates, so that one addition does all
  three; its new state is a dot as well. Two calls less of 12 for one sample.
* The recurrent product runs in blocks of columns whose weights stay in the cache; one row is a dot,
  one for each direction np.vecmat: two times 128 by 3 x 128 take 9.6 µs instead of 11.0. Few rows are multiplied one by
  one, in one call: for 2 samples, 128 hidden and 4 gates 14 µs instead of 31 (OpenBLAS on Zen 1).
* A layer on another one (`passes/stacked.py`) is one op with it, whose last units are a step behind: they begin anew
  after the first step, and there is one step more.
* Samples that have ended keep their state by `copyto(…, where=)`, from the first end on; when all have ended, nothing
  is computed. Outputs after an end are cleared a chunk at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy.functions import Gate, gate, tanh_work
from interchange_numpy.gemm import are_single, vector_by_matrix
from interchange_numpy.kernel import Chooser, Context, Kernel, Memory, Scratch, Step
from interchange_numpy.network import Op

CHUNK = 1 << 16  # elements of what comes from x that are made at once: 256 KB, half of a usual L2 cache
COLUMNS = 128  # of a block of the recurrent product

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
FUNCTIONS = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
# ONNX's gates in the order of the block. LSTM: cell, forget, input, output, so that with c before them [c, g] * [f, i]
# is one call, and so are the additions to f, i and o.
PLACES = {"RNN": (0,), "GRU": (0, 1, 2), "LSTM": (3, 2, 0, 1)}


class Layer(NamedTuple):
    """What is known of one recurrent op.

    Args:
        x, w, r, b, lengths, h, c: names of its inputs; "" where there is none.
        y, y_h, y_c: names of its outputs; "" where nobody reads them.
        gates: the functions: of the gates, of what is new, of the LSTM's state.
        reversed: for each direction, whether it runs from the end.
        linear: the GRU's `linear_before_reset`.
        above: how many of the hidden units are a layer on the others, a step behind; only they are outputs then.
    """

    kind: str
    x: str
    w: str
    r: str
    b: str
    lengths: str
    h: str
    c: str
    y: str
    y_h: str
    y_c: str
    gates: tuple[Gate, ...]
    reversed: tuple[bool, ...]
    linear: bool
    batch_first: bool
    steps: int
    batch: int
    depth: int
    hidden: int
    dtype: np.dtype[Any]
    precise: bool
    above: int

    @property
    def tanh_work(self) -> Mapping[str, Scratch]:
        """The memory for the hyperbolic tangents of a step."""
        count = GATES[self.kind] * len(self.reversed) * self.batch * self.hidden
        return tanh_work(count, self.dtype, precise=self.precise)

    @property
    def chunk(self) -> int:
        """How many steps are prepared at once."""
        one = GATES[self.kind] * len(self.reversed) * self.batch * self.hidden
        return max(1, min(self.runs, CHUNK // max(1, one)))

    @property
    def runs(self) -> int:
        """How many steps are computed."""
        return self.steps + (self.above > 0)

    @property
    def outputs(self) -> slice:
        """The hidden units that are outputs."""
        return slice(self.hidden - self.above, None) if self.above else slice(None)

    @property
    def times(self) -> float:
        """What the state is multiplied by while the steps run."""
        return self.gates[0].times if self.kind == "LSTM" else 1.0

    @property
    def is_row(self) -> bool:
        """Whether the state is one row: one sample in one direction."""
        return self.batch == len(self.reversed) == 1

    @property
    def has_hidden_bias(self) -> bool:
        """Whether a bias is added to what comes from the state alone, in a GRU, before the reset gate."""
        return self.kind == "GRU" and self.linear and bool(self.b)

    @property
    def block(self) -> tuple[int, int, int]:
        """Directions, batch, hidden."""
        return len(self.reversed), self.batch, self.hidden


# --- choosing -------------------------------------------------------------------------------------------------------


def choose(op: Op, context: Context) -> Kernel | None:
    layer = _layer(op, context)
    if layer is None:
        return None
    network = context.network
    other = [network.constants[name].tobytes() for name in (layer.r, layer.b) if name and name not in network.stored]
    how = (op.kind, layer.r, layer.b, *other, layer.gates, layer.linear)
    packed = network.packed(layer.w, (*how, "input"), lambda: _input(layer, context))
    recurrent = network.packed(layer.w, (*how, "recurrent", layer.is_row), lambda: _recurrent(layer, context))
    bias = None
    if layer.has_hidden_bias:
        b = network.constants[layer.b]
        bias = network.packed(layer.w, (*how, "bias"), lambda: _hidden_bias(layer, b))
    orders = {layer.y: context.order_as_read(layer.y)} if layer.y else {}
    return Kernel(lambda memory: _emit(layer, memory, packed, recurrent, bias), scratch=_scratch(layer), orders=orders)


KERNELS: Mapping[str, Chooser] = dict.fromkeys(GATES, choose)


def _layer(op: Op, context: Context) -> Layer | None:
    """The op as a layer; None where the operators have to do it."""
    network, attributes = context.network, op.attributes
    x, w, r, b, lengths, h, c, peepholes = (*op.inputs, *[""] * (8 - len(op.inputs)))
    y, y_h, y_c = (*(_if_read(name, context) for name in op.outputs), *[""] * (3 - len(op.outputs)))
    if peepholes or attributes.get("clip") is not None or attributes.get("input_forget"):
        return None
    if not {w, r, b} - {""} <= set(network.constants) or network.dtype(x) not in (np.float32, np.float64):
        return None
    if any(name and network.dtype(name) != network.dtype(x) for name in (w, r, b, h, c)):
        return None
    direction = attributes.get("direction", "forward")
    directions = (False, True) if direction == "bidirectional" else (direction == "reverse",)
    batch_first = bool(attributes.get("layout", 0))
    if len(context.shape(x)) != 3 or len(context.shape(r)) != 3 or 0 in (*context.shape(x), *context.shape(r)):
        return None
    steps, batch, depth = context.shape(x)
    steps, batch = (batch, steps) if batch_first else (steps, batch)
    hidden, d, rows = context.shape(r)[2], len(directions), GATES[op.kind] * context.shape(r)[2]
    state = (batch, d, hidden) if batch_first else (d, batch, hidden)
    expected = {w: (d, rows, depth), r: (d, rows, hidden), b: (d, 2 * rows), lengths: (batch,), h: state, c: state}
    if any(name and context.shape(name) != shape for name, shape in expected.items()):
        return None  # the operators say what is wrong
    if lengths and network.dtype(lengths) not in (np.int32, np.int64):
        return None
    if attributes.get("hidden_size") not in (None, hidden):
        return None
    gates = _gates(op, len(directions))
    if gates is None:
        return None
    if lengths in network.constants and (network.constants[lengths] >= steps).all():
        lengths = ""
    return Layer(
        *(op.kind, x, w, r, b, lengths, h, c, y, y_h, y_c, gates, directions),
        bool(attributes.get("linear_before_reset", 0)),
        *(batch_first, steps, batch, depth, hidden, np.dtype(network.dtype(x)), network.precise),
        attributes.get("units_above", 0),
    )


def _if_read(name: str, context: Context) -> str:
    network = context.network
    return name if name in network.outputs or any(name in other.reads for other in network.ops) else ""


def _gates(op: Op, directions: int) -> tuple[Gate, ...] | None:
    """The functions, if they are the same in all directions and among those that have steps here."""
    usual = FUNCTIONS[op.kind]
    names = tuple(op.attributes.get("activations") or usual * directions)[: len(usual) * directions]
    alphas, betas = (list(op.attributes.get(f"activation_{name}") or ()) for name in ("alpha", "beta"))
    gates = [gate(name.lower(), alphas, betas) for name in names]
    if len(gates) != len(usual) * directions or None in gates or gates != gates[: len(usual)] * directions:
        return None
    first = tuple(g for g in gates[: len(usual)] if g is not None)
    # the function of the LSTM's state is computed from the state itself, those of what is new may not be scaled
    return first if all(g.is_plain for g in first[1:]) or op.kind == "RNN" else None


# --- weights --------------------------------------------------------------------------------------------------------


def _folds(layer: Layer) -> list[tuple[Gate, int]]:
    """For each gate of the block its function and its place among ONNX's."""
    f, g = layer.gates[0], layer.gates[min(1, len(layer.gates) - 1)]
    functions = {"RNN": (f,), "GRU": (f, f, g), "LSTM": (g, f, f, f)}[layer.kind]
    return list(zip(functions, PLACES[layer.kind], strict=True))


def _input(layer: Layer, context: Context) -> Array:
    """W with the biases as its last row: (gates, directions, depth + 1, hidden). What is new comes first in a GRU."""
    constants = context.network.constants
    w, n = constants[layer.w], layer.hidden
    both = constants[layer.b] if layer.b else np.zeros((len(w), 2 * w.shape[1]), w.dtype)
    wb, rb = both[:, : w.shape[1]], both[:, w.shape[1] :]
    packed = np.empty((GATES[layer.kind], len(w), layer.depth + 1, n), layer.dtype)
    blocks = [*packed[1:], packed[0]] if layer.kind == "GRU" else packed
    for (function, place), block in zip(_folds(layer), blocks, strict=True):
        rows = slice(place * n, (place + 1) * n)
        bias = wb[:, rows] if layer.kind == "GRU" and layer.linear and place == 2 else wb[:, rows] + rb[:, rows]
        np.multiply(w[:, rows].swapaxes(1, 2), w.dtype.type(function.scale), block[:, :-1])
        block[:, -1] = bias * function.scale + function.shift
    return packed


def _recurrent(layer: Layer, context: Context) -> Array:
    """R: (gates, directions, column blocks, hidden, columns), or (hidden, gates * hidden) for one row."""
    r, n, gates = context.network.constants[layer.r], layer.hidden, GATES[layer.kind]
    columns = n if layer.is_row else _columns(n)
    lies = (n, gates, columns) if layer.is_row else (gates, len(r), n // columns, n, columns)
    packed = np.empty(lies, layer.dtype)
    blocks = packed[None, None].transpose(3, 0, 1, 2, 4) if layer.is_row else packed
    for (function, place), block in zip(_folds(layer), blocks, strict=True):
        scale = function.scale / layer.times
        if layer.kind == "GRU" and place == 2:
            scale /= layer.gates[0].times  # of the reset gate, by which this is multiplied, or its h
        part = r[:, place * n : (place + 1) * n].swapaxes(1, 2)
        np.multiply(part.reshape(len(r), n, -1, columns).swapaxes(1, 2), r.dtype.type(scale), block)
    return packed.reshape(n, -1) if layer.is_row else packed


def _columns(hidden: int) -> int:
    """The width of the blocks of the recurrent product: all, or the largest divisor that is not too narrow."""
    fitting = (n for n in range(min(COLUMNS, hidden), COLUMNS // 3, -1) if hidden % n == 0)
    return next(fitting, hidden)


def _hidden_bias(layer: Layer, b: Array) -> Array:
    """The GRU's recurrent bias of what is new: (directions, 1, hidden)."""
    return np.ascontiguousarray(b[:, None, -layer.hidden :] / layer.gates[0].times, layer.dtype)


# --- steps ----------------------------------------------------------------------------------------------------------


def _scratch(layer: Layer) -> dict[str, Scratch]:
    count, d, n = GATES[layer.kind], len(layer.reversed), layer.hidden
    rows, places = layer.chunk * layer.batch, count + layer.has_hidden_bias
    shapes: dict[str, tuple[int, ...]] = {
        "x": (d, rows, layer.depth + 1),
        "from x": (rows, places, d, n) if layer.batch == 1 else (places, d, rows, n),
        "states": (layer.chunk + 1, *layer.block),
        "block": (count + 1, *layer.block),
        "more": (2, *layer.block),
    }
    scratch: dict[str, Scratch] = {key: (shape, layer.dtype) for key, shape in shapes.items()}
    scratch.update(layer.tanh_work)
    if layer.lengths:
        scratch["stopped"] = ((layer.chunk, d, layer.batch, 1), np.dtype(bool))
        scratch["running"] = scratch["stopped"]
    return scratch


def _emit(layer: Layer, memory: Memory, w: Array, r: Array, bias: Array | None) -> Iterator[Step]:
    states, block = memory.scratch("states"), memory.scratch("block")
    yield _filled(memory.scratch("x")[:, :, -1], 1)
    yield _first(memory, layer.h, states[0], layer, layer.times)
    if bias is not None:
        yield np.copyto, (_from_x(layer, memory)[-1], bias)
    if layer.kind == "LSTM":
        yield _first(memory, layer.c, block[0], layer, 1.0)
    step = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}[layer.kind]
    plain = [list(step(_Step(layer, memory, k, r, masked=False))) for k in range(layer.chunk)]
    masked: list[list[Step]] = []
    if layer.lengths:
        masked = [list(step(_Step(layer, memory, k, r, masked=True))) for k in range(layer.chunk)]
    for start in range(0, layer.runs, layer.chunk):
        count = min(layer.chunk, layer.runs - start)
        if start:
            yield np.copyto, (states[0], states[layer.chunk])
        yield from _project(layer, memory, start, count, w)
        yield from _stops(layer, memory, start, count)
        if layer.lengths:
            times = _times(layer, start, count)
            bounds = list(zip(times.min(1).tolist(), times.max(1).tolist(), strict=True))
            yield _masked_chunk, (plain, masked, states, bounds, memory[layer.lengths])
        else:
            for k, body in enumerate(plain[:count], start):
                yield from body
                if layer.above and k == 0:
                    yield from (_filled(state[..., layer.outputs], 0) for state in (states[1], block[0]))
        yield from _write(layer, memory, start, count)
    if layer.y_h:
        last = states[count][..., layer.outputs]
        yield np.multiply, (last, _number(layer, 1 / layer.times), _final(layer, memory[layer.y_h]))
    if layer.y_c:
        yield np.copyto, (_final(layer, memory[layer.y_c]), block[0][..., layer.outputs])


def _masked_chunk(
    plain: Sequence[Sequence[Step]],
    masked: Sequence[Sequence[Step]],
    states: Array,
    times: Sequence[tuple[int, int]],
    lengths: Array,
) -> None:
    """Runs a chunk of steps, each with a mask only if samples have ended and others have not.

    Args:
        times: of each step, those of its earliest and of its latest direction.
    """
    first_end, last_end = int(lengths.min()), int(lengths.max())
    ended = -1  # the state from which on all have ended
    for k, (earliest, latest) in enumerate(times):
        if earliest >= last_end:
            ended = k if ended < 0 else ended
            continue
        if ended >= 0:
            np.copyto(states[ended + 1 : k + 1], states[ended])
            ended = -1
        for function, arguments in plain[k] if latest < first_end else masked[k]:
            function(*arguments)
    if ended >= 0:
        np.copyto(states[ended + 1 : len(times) + 1], states[ended])


def _times(layer: Layer, start: int, count: int) -> Array:
    """The time at which each direction is at each step of a chunk, (steps, directions)."""
    every = np.arange(layer.steps)
    return np.stack([every[_slice(layer, d, start, count)] for d in range(len(layer.reversed))], 1)


def _number(layer: Layer, value: float) -> Array:
    return np.array(value, layer.dtype)


def _filled(array: Array, value: float) -> Step:
    return np.copyto, (array, np.array(value, array.dtype))


def _first(memory: Memory, name: str, state: Array, layer: Layer, times: float) -> Step:
    if not name:
        return _filled(state, 0)
    given = memory[name].swapaxes(0, 1) if layer.batch_first else memory[name]
    return np.multiply, (given, _number(layer, times), state)


def _final(layer: Layer, y: Array) -> Array:
    return y.swapaxes(0, 1) if layer.batch_first else y


def _slice(layer: Layer, d: int, start: int, count: int) -> slice:
    """The times of steps start … start + count of direction d, in the order in which they run."""
    if not layer.reversed[d]:
        return slice(start, start + count)
    last = layer.steps - 1 - start
    return slice(last, last - count if last >= count else None, -1)


def _project(layer: Layer, memory: Memory, start: int, count: int, w: Array) -> Iterator[Step]:
    """What comes from x in a chunk of steps."""
    x = memory[layer.x].swapaxes(0, 1) if layer.batch_first else memory[layer.x]
    rows = memory.scratch("x")[:, : count * layer.batch]
    known = min(count, layer.steps - start)
    for d in range(len(layer.reversed)):
        part = rows[d, :, :-1].reshape(count, layer.batch, layer.depth)
        if known:
            yield np.copyto, (part[:known], x[_slice(layer, d, start, known)])
        if known < count:  # the last step of a layer above: anything finite
            yield _filled(part[known:], 0)
    yield np.matmul, (rows, w, _from_x(layer, memory)[: len(w), :, : count * layer.batch])


def _from_x(layer: Layer, memory: Memory) -> Array:
    """(gates, directions, rows, hidden): for one sample a step is contiguous, else all steps of a gate are.

    The gates of a GRU are in the order of `_input`, and then there may be the bias of `_hidden_bias`, in each row.
    """
    from_x = memory.scratch("from x")
    return from_x.transpose(1, 2, 0, 3) if layer.batch == 1 else from_x


def _stops(layer: Layer, memory: Memory, start: int, count: int) -> Iterator[Step]:
    """For each step of a chunk and each direction, which samples have ended."""
    if not layer.lengths:
        return
    stopped, running = (memory.scratch(key)[:count] for key in ("stopped", "running"))
    times = _times(layer, start, count)[:, :, None, None]
    yield np.less_equal, (memory[layer.lengths][:, None], times, stopped)
    yield np.logical_not, (stopped, running)


def _write(layer: Layer, memory: Memory, start: int, count: int) -> Iterator[Step]:
    """The outputs of a chunk."""
    if not layer.y:
        return
    y = memory[layer.y].transpose(1, 2, 0, 3) if layer.batch_first else memory[layer.y]
    behind = int(layer.above > 0)
    first = behind if start == 0 else 0  # the first step of a layer above does not count
    states = memory.scratch("states")[1 + first : count + 1][..., layer.outputs]
    for d in range(len(layer.reversed)):
        part = y[_slice(layer, d, start + first - behind, count - first), d]
        if layer.times == 1:
            yield np.copyto, (part, states[:, d])
        else:
            yield np.multiply, (states[:, d], _number(layer, 1 / layer.times), part)
        if layer.lengths:
            yield np.copyto, (part, _number(layer, 0), "same_kind", memory.scratch("stopped")[:count, d])


def _flat(*arrays: Array) -> tuple[Array, ...]:
    """The arrays in one dimension, if that needs no copy of any: a ufunc then has a single loop."""
    if all(array.flags.c_contiguous for array in arrays):
        return tuple(array.reshape(-1) for array in arrays)
    return arrays


class _Step:
    """One step of a chunk: the arrays that its calls work on. Blocks are (gates, directions, batch, hidden)."""

    def __init__(self, layer: Layer, memory: Memory, k: int, r: Array, *, masked: bool) -> None:
        states, block = memory.scratch("states"), memory.scratch("block")
        self.layer, self.r, self.masked = layer, r, masked
        self.h, self.h_next = states[k], states[k + 1]
        self.c, self.c_and_g, self.z, self.more = block[0], block[:2], block[1:], memory.scratch("more")
        self.from_x = _from_x(layer, memory)[:, :, k * layer.batch : (k + 1) * layer.batch]
        self.work = memory.scratch("tanh") if layer.tanh_work else None
        if masked:
            self.stopped, self.running = memory.scratch("stopped")[k], memory.scratch("running")[k]

    def product(self, h: Array, gates: slice) -> Iterator[Step]:
        """The block of these gates is h R."""
        z = self.z[gates]
        if self.layer.is_row:
            row, r = h.reshape(-1), self.r[:, gates.start * self.layer.hidden : gates.stop * self.layer.hidden]
            yield vector_by_matrix(row, r, z.reshape(-1))
            return
        if self.layer.batch == 1 and hasattr(np, "vecmat"):  # from NumPy 2.2 on
            yield np.vecmat, (h, self.r[gates], z.reshape(*z.shape[:2], self.r.shape[2], self.r.shape[4]))
            return
        split = z.reshape(*z.shape[:3], self.r.shape[2], self.r.shape[4]).swapaxes(2, 3)
        if are_single(self.layer.batch):
            yield np.matmul, (h[:, None, :, None], self.r[gates][:, :, :, None], split[:, :, :, :, None])
        else:
            yield np.matmul, (h[:, None], self.r[gates], split)

    def sums(self, gates: slice, places: slice) -> Step:
        """What comes from x, from these places of it, is added to these gates."""
        return np.add, _flat(self.z[gates], self.from_x[places], self.z[gates])

    def weighted_sum(self, factors: tuple[float, float], two: Array, out: Array) -> Step:
        """`out` is the sum of two arrays, which lie one behind the other, times these."""
        return np.array(factors, self.layer.dtype).dot, (two.reshape(2, -1), out)

    def keep(self) -> Iterator[Step]:
        """Samples that have ended keep their state."""
        if self.masked:
            yield np.copyto, (self.h_next, self.h, "same_kind", self.stopped)

    def number(self, value: float) -> Array:
        return np.array(value, self.layer.dtype)


def _rnn(step: _Step) -> Iterator[Step]:
    (f,), work = step.layer.gates, step.work
    (z,), every = _flat(step.z[0]), slice(0, 1)
    yield from step.product(step.h, every)
    yield step.sums(every, every)
    (h_next,) = _flat(step.h_next)
    if f.times == 1 and not f.plus:
        yield from f.into(z, h_next, work)
    else:
        yield from f.steps(z, work)
        yield np.multiply, (z, step.number(1 / f.times), h_next)
    yield from step.keep()


def _lstm(step: _Step) -> Iterator[Step]:
    (f, g, of_c), work = step.layer.gates, step.work
    masked, every = step.masked, slice(0, 4)
    c_and_g, fi, fio, whole = (a.reshape(-1) for a in (step.c_and_g, step.z[1:3], step.z[1:], step.z))
    c, o, both, new, other = (a.reshape(-1) for a in (step.c, step.z[3], step.more, *step.more))
    yield from step.product(step.h, every)
    yield step.sums(every, every)
    if f.core == g.core:
        yield from f.core_steps(whole, work)
    else:
        yield from g.core_steps(step.z[0].reshape(-1), work)
        yield from f.core_steps(fio, work)
    yield from f.last_steps(fio)
    yield np.multiply, (c_and_g, fi, both)
    if masked:
        yield np.add, (new, other, new)
        if f.times != 1:
            yield np.multiply, (new, step.number(1 / f.times), new)
        yield np.copyto, (step.c, step.more[0], "same_kind", step.running)
    else:
        yield step.weighted_sum((1 / f.times, 1 / f.times), step.more, c)
    after = new if masked else c
    yield from of_c.into(after, other, work)
    yield np.multiply, (o, other, step.h_next.reshape(-1))
    yield from step.keep()


def _gru(step: _Step) -> Iterator[Step]:
    (f, g), work = step.layer.gates, step.work
    h, z, reset, new = (a.reshape(-1) for a in (step.h, *step.z))
    other, after = step.more[0].reshape(-1), step.h_next.reshape(-1)
    linear, both, last = step.layer.linear, slice(0, 2), slice(2, 3)
    yield from step.product(step.h, slice(0, 3) if linear else both)
    yield step.sums(slice(0, 3), slice(1, 4)) if step.layer.has_hidden_bias else step.sums(both, slice(1, 3))
    yield from f.steps(step.z[both].reshape(-1), work)
    if linear:
        yield np.multiply, (new, reset, new)
    else:
        yield np.multiply, (reset, h, other)
        yield from step.product(step.more[0], last)
    yield step.sums(last, slice(0, 1))
    yield from g.steps(new, work)
    if f.is_bounded and g.is_bounded:  # (1 - z) new + z h with one product less; the reset gate is not needed any more
        yield np.subtract, (h, new, reset)
        yield np.multiply, (reset, z, reset)
        yield step.weighted_sum((1 / f.times, 1), step.z[1:], after)
    else:  # states may overflow, and infinity - infinity must be where it is in the operators
        if f.times != 1:
            yield np.multiply, (z, step.number(1 / f.times), z)
        yield np.multiply, (z, h, other)
        yield np.subtract, (step.number(1), z, z)
        yield np.multiply, (z, new, new)
        yield np.add, (new, other, after)
    yield from step.keep()
