"""Moves of `fuzz` beyond plain networks: recurrent layers with all their inputs, ONNX's Attention, integers, bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.numpy_runtime.fuzz import Draw, Move

LENGTHS = "lengths"  # inputs whose names begin so are numbers of steps


def _state(d: Draw, x: str, directions: int, hidden: int, *, batch_first: bool) -> str:
    """A state for each sample, computed from x."""
    mean = d.call("ReduceMean", x, np.array([1]), keepdims=0)
    state = d.call("MatMul", mean, d.random(d.shape(x)[-1], directions * hidden))
    state = d.call("Reshape", state, np.array([0, directions, hidden]))
    return str(state if batch_first else d.call("Transpose", state, perm=[1, 0, 2]))


def recurrent_with_all(d: Draw, x: str) -> object:
    """Lengths, initial states, either layout, other functions than the usual."""
    if len(d.shape(x)) != 3:
        return None
    _, time, depth = d.shape(x)
    op = str(d.one("LSTM", "GRU", "RNN"))
    gates, hidden = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], d.number(1, 9)
    direction = str(d.one("forward", "reverse", "bidirectional"))
    directions, batch_first = 2 if direction == "bidirectional" else 1, d.chance(0.5)
    w = d.random(directions, gates * hidden, depth, scale=depth**-0.5)
    r = d.random(directions, gates * hidden, hidden, scale=hidden**-0.5)
    b = d.net.constant("b", d.random(directions, 2 * gates * hidden)) if d.chance(0.7) else ""
    lengths = ""
    if d.chance(0.6):
        name = d.net.free_name(LENGTHS)
        lengths = d.net.feed(name, d.rng.integers(0, time + 1, 2).astype(np.int32), ("batch",))
    states = [_state(d, x, directions, hidden, batch_first=batch_first) for _ in range(2 if op == "LSTM" else 1)]
    inputs = [b, lengths, *(states if d.chance(0.5) else [])]
    while inputs and not inputs[-1]:
        inputs.pop()
    attributes: dict[str, object] = {"direction": direction, "hidden_size": hidden, "layout": int(batch_first)}
    if op == "GRU":
        attributes["linear_before_reset"] = d.number(0, 1)
    if d.chance(0.3):
        first = str(d.one("HardSigmoid", "Sigmoid", "Relu", "Tanh"))
        usual = {"RNN": ["Tanh"], "GRU": [first, "Tanh"], "LSTM": [first, "Tanh", "Tanh"]}[op]
        attributes["activations"] = usual * directions
    if d.chance(0.1):
        attributes["clip"] = 0.7
    outputs = 3 if op == "LSTM" else 2
    given = x if batch_first else d.call("Transpose", x, perm=[1, 0, 2])
    made = d.call(op, given, w, r, *inputs, outputs=outputs, **attributes)
    assert isinstance(made, tuple)
    ends = [y if batch_first else str(d.call("Transpose", y, perm=[1, 0, 2])) for y in made[1:]]
    every = made[0] if batch_first else d.call("Transpose", made[0], perm=[2, 0, 1, 3])
    return (*ends, d.call("Reshape", every, np.array([0, 0, directions * hidden])))


def attention_operator(d: Draw, x: str) -> object:
    if len(d.shape(x)) != 3:
        return None
    _, length, width = d.shape(x)
    heads, size, value = d.number(1, 3), d.number(1, 5), d.number(1, 4)
    parts = [d.call("MatMul", x, d.random(width, heads * n, scale=width**-0.5)) for n in (size, size, value)]
    masks = (d.rng.random((length, length)) < 0.7, d.random(1, heads, length, length))
    mask = [masks[d.number(0, 1)]] if d.chance(0.5) else []
    causal = int(not mask and d.chance(0.3))
    return d.call("Attention", *parts, *mask, q_num_heads=heads, kv_num_heads=heads, is_causal=causal)


def _bytes(d: Draw, x: str) -> str:
    """An input of bytes with as many elements for each sample as x."""
    dtype = str(d.one("uint8", "int8"))
    name, shape = d.net.free_name("bytes"), d.shape(x)
    array = d.rng.integers(0, 128, shape).astype(dtype)
    d.net.feed(name, array, ("batch", *shape[1:]))
    d.shapes[name] = shape
    return name


def quantised(d: Draw, x: str) -> object:
    """From whole numbers to floats, so that no rounding decides what comes out."""
    given, shape = _bytes(d, x), d.shape(x)
    dtype = d.net.dtype(given)
    zero = np.array(d.number(0, 100), dtype)
    scale = np.float32(d.rng.random() / 50 + 0.01)
    match d.number(0, 2):
        case 0 if len(shape) > 1:
            weight = d.rng.integers(-20, 20, (shape[-1], d.number(1, 6))).astype(np.int8)
            product = d.call("MatMulInteger", given, weight, zero)
            return d.call("Mul", d.call("Cast", product, to="float32"), scale)
        case 1:
            scales = (d.rng.random(shape[-1]) / 50 + 0.01).astype(np.float32)
            zeros = np.full(shape[-1], zero)
            return d.call("DequantizeLinear", given, scales, zeros, axis=len(shape) - 1)
        case _:
            return d.call("Add", x, d.call("DequantizeLinear", given, scale, zero))


def whole_numbers(d: Draw, x: str) -> object:
    """Integers of several types, wrapping around; then a choice or a factor."""
    to = str(d.one("int8", "int16", "int32", "int64", "uint8", "uint16"))
    value = d.call("Cast", _bytes(d, x), to=to)
    for _ in range(d.number(1, 4)):
        op = str(d.one("Add", "Mul", "Sub", "Div", "Max", "Min", "Mod", "BitwiseAnd", "BitwiseXor"))
        value = d.call(op, value, np.array(d.number(1, 9), to))
    if d.chance(0.3):
        return d.call("Where", d.call("Greater", value, np.array(5, to)), x, d.call("Neg", x))
    value = d.call("Cast", value, to="float32")
    return d.call("Mul", x, d.call("Mul", value, np.float32(0.01)))


def branch(d: Draw, x: str) -> object:
    """If, by numbers that are whole."""
    total = d.call("ReduceSum", _bytes(d, x), keepdims=0) if d.chance(0.5) else None
    if total is None:
        is_large = d.call("Greater", d.call("Cast", d.call("Shape", x), to="int32"), np.array(2, np.int32))
        is_large = d.call("Squeeze", d.call("Slice", is_large, np.array([0]), np.array([1])))
    else:
        is_large = d.call("Greater", d.call("Cast", total, to="int32"), np.array(40 * d.number(1, 9), np.int32))
    bodies = []
    for ops in (("Tanh", "Neg"), ("Sigmoid", "Abs")):
        d.net.begin_body([])
        inner = d.call(str(d.one(*ops)), d.call("Mul", x, np.float32(0.5)))
        bodies.append(d.net.end_body([str(inner)]))
    return d.call("If", is_large, then_branch=bodies[0], else_branch=bodies[1])


def scan(d: Draw, x: str) -> object:
    """A state along the second axis, and all that it was."""
    shape = d.shape(x)
    if len(shape) != 3:
        return None
    first = d.call("ReduceMax", x, np.array([1]), keepdims=0)
    turned = d.call("Transpose", x, perm=[1, 0, 2])
    state, item = d.net.begin_body([("state", str(first), None), ("item", str(turned), 0)])
    d.shapes[state] = d.shapes[item] = d.shape(str(first))
    new = d.call("Tanh", d.call("Add", d.call("Mul", state, np.float32(0.7)), item))
    body = d.net.end_body([str(new), str(d.call("Neg", new))])
    made = d.call("Scan", first, turned, outputs=2, body=body, num_scan_inputs=1)
    assert isinstance(made, tuple)
    return made[0], d.call("Transpose", made[1], perm=[1, 0, 2])


def resized(d: Draw, x: str) -> object:
    """Images in either layout, by whole factors and by others."""
    if len(d.shape(x)) != 4:
        return None
    factors = [float(d.one(1, 2, 3, 4, 0.6, 1.7)) for _ in range(2)]
    scales = np.array([1, *factors, 1] if d.chance(0.5) else [1, 1, *factors], np.float32)
    if np.prod(d.shape(x)) * np.prod(scales) > 4000 or (np.array(d.shape(x)) * scales < 1).any():
        return None
    mode = str(d.one("nearest", "linear", "linear", "cubic"))
    transformation = str(d.one("half_pixel", "asymmetric", "align_corners"))
    name = d.net.constant("scales", scales)
    return d.call("Resize", x, "", name, mode=mode, coordinate_transformation_mode=transformation)


MORE: tuple[Move, ...] = (
    resized,
    *(recurrent_with_all, recurrent_with_all, attention_operator, quantised, whole_numbers, branch, scan),
)
