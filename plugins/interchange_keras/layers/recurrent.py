"""Recurrent layers. Their cells become ONNX's RNN, GRU and LSTM; padding is dealt with around these (`steps`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interchange_keras import eras
from interchange_keras.calls import leaves
from interchange_keras.layer import Fault, Ints, Layer, LayerFunction, called_with, weights_by
from interchange_keras.layers.cells import (
    FUSED,
    OPERATOR,
    STATES,
    Cell,
    activation_attributes,
    class_and_config,
    keras_weights,
    make_cell,
    onnx_weights,
    read_cells,
)
from interchange_keras.layers.conv_recurrent import ConvCell, conv_options, run_conv
from interchange_keras.layers.other_cells import run_cell
from interchange_keras.layers.steps import Steps, flipped
from interchange_keras.options import bind, dtype_fault


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A recurrent layer, whatever its class; several cells lie one upon the other."""

    cells: tuple[Cell | ConvCell, ...]
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    time_major: bool
    zero_output_for_mask: bool

    @property
    def states(self) -> int:
        return sum(STATES[cell.kind] for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Result:
    """`output` is the sequence in the order of the input, or what comes after the last step."""

    output: str
    states: tuple[str, ...]


# --- one direction or two -------------------------------------------------------------------------------------------


def run(layer: Layer, recurrence: Recurrence, x: str, states: Sequence[str], steps: Steps) -> Result:
    """One recurrent layer on x, (batch, time, in); `states` are the first ones, or none."""
    zero, backwards = recurrence.zero_output_for_mask, recurrence.go_backwards
    cells = [cell for cell in recurrence.cells if isinstance(cell, Cell)]
    if not cells:
        (convolution,) = (cell for cell in recurrence.cells if isinstance(cell, ConvCell))
        how = {"backwards": backwards, "zero_others": zero, "sequences": recurrence.return_sequences}
        _check_first_state(layer, states, steps)
        return Result(*run_conv(layer, convolution, x, states, steps.mask, **how))
    is_residual = any(cell.is_residual for cell in cells)
    if is_residual and steps.mask is not None:
        layer.refuse("a ResidualWrapper with a mask")
    if any(activation_attributes(layer, [cell]) is None for cell in cells):
        if len(cells) > 1 or is_residual:
            layer.refuse("stacked or residual cells with other activations than ONNX's recurrent operators have")
        how = {"backwards": backwards, "zero_others": zero, "sequences": recurrence.return_sequences}
        _check_first_state(layer, states, steps)
        return Result(*run_cell(layer, cells[0], x, states, mask=steps.mask, **how))
    y = layer.add("Transpose", steps.gathered(x), perm=[1, 0, 2])
    direction = "reverse" if recurrence.go_backwards else "forward"
    finals: list[str] = []
    waiting = list(states)
    for cell in cells:
        first = [waiting.pop(0) for _ in range(STATES[cell.kind])] if states else []
        made, *last = _operator(layer, [cell], y, [first], steps.lengths, direction)
        made = layer.add("Squeeze", made, [1])
        y = layer.add("Add", made, y) if cell.is_residual else made
        after = [layer.add("Squeeze", state, [0]) for state in last]
        finals += map(steps.state, after, first) if first else after
    if len(cells) > 1:
        _check_first_state(layer, states, steps)
    before = states[0] if states and eras.outputs_first_state(layer.version, layer.backend) else None
    if recurrence.return_sequences:
        y = layer.add("Transpose", y, perm=[1, 0, 2])
        output = steps.spread(y, backwards=recurrence.go_backwards, zero_others=zero, at_first=before)
    else:
        hidden = finals[-STATES[cells[-1].kind]]
        if is_residual:  # then it is not the state
            hidden = layer.add("Gather", y, np.int64(0 if backwards else -1), axis=0)
        given = bool(states) and before is None
        output = steps.at_end(hidden, backwards=recurrence.go_backwards, zero_others=zero, states_given=given)
    return Result(output, tuple(finals))


def _check_first_state(layer: Layer, states: Sequence[str], steps: Steps) -> None:
    if states and steps.mask is not None and eras.outputs_first_state(layer.version, layer.backend):
        layer.refuse("its initial states would be its outputs where nothing counts, in this version of Keras")


def _operator(
    layer: Layer,
    cells: Sequence[Cell],
    x: str,
    states: Sequence[Sequence[str]],
    lengths: str | None,
    direction: str,
) -> tuple[str, ...]:
    """ONNX's operator for a cell, or for two, one in each direction. x is (time, batch, in)."""
    kind = cells[0].kind
    attributes = dict(activation_attributes(layer, cells) or {})
    parts = [onnx_weights(kind, *keras_weights(layer, cell, layer.shape(x)[2])) for cell in cells]
    w, r, b = (None if part[0] is None else np.stack(part) for part in zip(*parts, strict=True))
    arrays = [
        layer.constant(name, array) if array is not None else None for name, array in zip("WRB", (w, r, b), strict=True)
    ]
    initial: list[str | None] = []
    if states[0]:
        for same in zip(*states, strict=True):
            each = [layer.add("Unsqueeze", state, [0]) for state in same]
            initial.append(each[0] if len(each) == 1 else layer.add("Concat", *each, axis=0))
    if kind == "GRU" and cells[0].reset_after:
        attributes["linear_before_reset"] = 1
    if direction != "forward":
        attributes["direction"] = direction
    inputs = [x, *arrays, lengths, *initial]
    while inputs[-1] is None:
        inputs.pop()
    return layer.add_many(OPERATOR[kind], *inputs, outputs=1 + STATES[kind], hidden_size=cells[0].units, **attributes)


def _finished(layer: Layer, recurrence: Recurrence, x: str, states: Sequence[str]) -> Any:
    """The layer's outputs and their masks."""
    _check_states(layer, states, recurrence.states)
    x = layer.add("Transpose", x, perm=[1, 0, 2]) if recurrence.time_major else x
    mask = layer.mask
    used = _used_mask(layer, len(states))
    in_order = layer.add("Transpose", used, perm=[1, 0]) if used and recurrence.time_major else used
    result = run(layer, recurrence, x, states, Steps.of(layer, in_order))
    y = result.output
    if recurrence.return_sequences:
        y = flipped(layer, y) if recurrence.go_backwards else y
        y = layer.add("Transpose", y, perm=[1, 0, 2]) if recurrence.time_major else y
    layer.give_masks(mask if recurrence.return_sequences else None)
    return (y, *result.states) if recurrence.return_state else y


def _check_states(layer: Layer, states: Sequence[str], expected: int) -> None:
    if states and len(states) != expected:
        layer.reject(f"it is called with {len(states)} initial states, its cells have {expected}")


def _used_mask(layer: Layer, states: int) -> str | None:
    """Keras 3 passes the mask on, but hands it to a layer with initial states only if the call names it."""
    return None if states and layer.version >= (3,) and not layer.names_mask else layer.mask


def _given(states: Sequence[str], initial_state: Any) -> list[str]:
    """The initial states: Keras 1 and 2 list them after the input, Keras 3 names them."""
    named = [initial_state] if isinstance(initial_state, str) else list(initial_state or ())
    if not all(isinstance(state, str) for state in named):
        raise Fault("IX301", "its initial states are nested lists")
    return [*states, *named]


# --- the layers -----------------------------------------------------------------------------------------------------


def _own_weights(class_name: str, options: Mapping[str, Any], version: eras.Version) -> list[str]:
    return make_cell(class_name, "cell/", version, options).weights


@called_with("initial_state")
@weights_by(_own_weights, shown=("kernel", "recurrent_kernel", "bias"))
def recurrent(
    layer: Layer,
    x: str,
    *states: str,
    initial_state: Any = None,
    units: int,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    use_bias: bool = True,
    reset_after: bool = True,
    implementation: int = FUSED,
    return_sequences: bool = False,
    return_state: bool = False,
    go_backwards: bool = False,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    recurrent_dropout: float | None = 0.0,
) -> Any:
    """`implementation` matters for Keras 1 only: it decides which arrays the file has. `unroll` and `recurrent_dropout`
    decide whether TensorFlow 2.0 and 2.1 could use a fused kernel, which they did without zeros for masked steps."""
    if layer.rank(x) != 3:
        layer.reject(f"its input has {layer.rank(x)} dimensions")
    options = {
        "units": units,
        "activation": activation,
        "recurrent_activation": recurrent_activation,
        "use_bias": use_bias,
        "reset_after": reset_after,
        "implementation": implementation,
        "unroll": unroll,
        "recurrent_dropout": recurrent_dropout,
    }
    cell = make_cell(layer.class_name, "cell/", layer.version, options)
    recurrence = Recurrence((cell,), return_sequences, return_state, go_backwards, time_major, zero_output_for_mask)
    recurrence = _as_it_was(layer, recurrence, layer.class_name, options)
    return _finished(layer, recurrence, x, _given(states, initial_state))


def _as_it_was(layer: Layer, recurrence: Recurrence, class_name: str, options: Mapping[str, Any]) -> Recurrence:
    """Without zeros for the steps that do not count, where that version forgot them."""
    if not recurrence.zero_output_for_mask or not recurrence.return_sequences or layer.mask is None:
        return recurrence
    fused = (options["activation"], options["recurrent_activation"], options["use_bias"]) == ("tanh", "sigmoid", True)
    fused &= class_name == "LSTM" or (class_name == "GRU" and bool(options["reset_after"]))
    fused &= not options["unroll"] and not options["recurrent_dropout"]
    obeys = eras.zeroes_masked_steps(layer.version, fused)
    if obeys is None:
        why = "zeros for masked steps, which TensorFlow 2.0 and 2.1 forgot; the file may be of these or of another"
        layer.refuse(why, eras.ask_tensorflow(layer.version))
    return recurrence if obeys else replace(recurrence, zero_output_for_mask=False)


def _weights_of_cells(class_name: str, options: Mapping[str, Any], version: eras.Version) -> list[str]:
    return [name for cell in read_cells(options.get("cell"), "cell/", version) for name in cell.weights]


@called_with("initial_state")
@weights_by(_weights_of_cells, shown=("those of its cells",))
def rnn(
    layer: Layer,
    x: str,
    *states: str,
    initial_state: Any = None,
    cell: Any,
    return_sequences: bool = False,
    return_state: bool = False,
    go_backwards: bool = False,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
) -> Any:
    if layer.rank(x) != 3:
        layer.reject(f"its input has {layer.rank(x)} dimensions")
    cells = tuple(read_cells(cell, "cell/", layer.version))
    recurrence = Recurrence(cells, return_sequences, return_state, go_backwards, time_major, zero_output_for_mask)
    return _finished(layer, recurrence, x, _given(states, initial_state))


def _conv_cell(path: str, options: Mapping[str, Any], version: eras.Version) -> ConvCell:
    names = conv_options.__kwdefaults__ or {}
    chosen = {name: options[name] for name in ("filters", "kernel_size", *names)}
    return ConvCell(path, chosen, is_split=version < (2,))


def _conv_weights(class_name: str, options: Mapping[str, Any], version: eras.Version) -> list[str]:
    return _conv_cell("cell/", options, version).weights


@called_with("initial_state")
@weights_by(_conv_weights, shown=("kernel", "recurrent_kernel", "bias"))
def conv_lstm(
    layer: Layer,
    x: str,
    *states: str,
    initial_state: Any = None,
    filters: int,
    kernel_size: Ints,
    strides: Ints = (1,),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1,),
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    use_bias: bool = True,
    return_sequences: bool = False,
    return_state: bool = False,
    go_backwards: bool = False,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
) -> Any:
    n = int(layer.class_name[-2])
    if layer.rank(x) != n + 3 or time_major:
        layer.refuse("time_major is true" if time_major else f"its input has {layer.rank(x)} dimensions")
    cell = _conv_cell("cell/", locals(), layer.version)
    recurrence = Recurrence((cell,), return_sequences, return_state, go_backwards, False, zero_output_for_mask)
    return _finished(layer, recurrence, x, _given(states, initial_state))


# --- cells as layers --------------------------------------------------------------------------------------------------


def _one_step(layer: Layer, cells: Sequence[Cell], x: str, states: Sequence[str]) -> tuple[str, ...]:
    """The output of cells that are called with the input and the states of one step, and the states after it."""
    if layer.rank(x) != 2:
        layer.reject(f"its input has {layer.rank(x)} dimensions")
    recurrence = Recurrence(tuple(cells), False, True, False, False, False)
    if len(states) != recurrence.states:
        layer.reject(f"it is called with {len(states)} states, it has {recurrence.states}")
    result = run(layer, recurrence, layer.add("Unsqueeze", x, [1]), states, Steps.of(layer, None))
    layer.give_masks(None)
    return (result.output, *result.states)


def _states_of(given: Sequence[str], states: Any) -> list[str]:
    """The states of a call, which may be lists within a list."""
    return [*given, *(state for state in leaves(states if states is not None else []) if isinstance(state, str))]


def _weights_of_cell(class_name: str, options: Mapping[str, Any], version: eras.Version) -> list[str]:
    return make_cell(class_name, "", version, options).weights


@called_with("states")
@weights_by(_weights_of_cell, shown=("kernel", "recurrent_kernel", "bias"))
def cell(
    layer: Layer,
    x: str,
    *given: str,
    states: Any = None,
    units: int,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    use_bias: bool = True,
    reset_after: bool = True,
    implementation: int = FUSED,
) -> tuple[str, ...]:
    options = {"units": units, "activation": activation, "recurrent_activation": recurrent_activation}
    options |= {"use_bias": use_bias, "reset_after": reset_after, "implementation": implementation}
    return _one_step(layer, [make_cell(layer.class_name, "", layer.version, options)], x, _states_of(given, states))


def _weights_of_stack(class_name: str, options: Mapping[str, Any], version: eras.Version) -> list[str]:
    return [name for each in read_cells(options["cells"], "", version) for name in each.weights]


@called_with("states")
@weights_by(_weights_of_stack, shown=("those of its cells",))
def stacked_cells(
    layer: Layer, x: str, *given: str, states: Any = None, cells: Any, reverse_state_order: bool = False
) -> tuple[str, ...]:
    if reverse_state_order:
        layer.refuse("reverse_state_order is true")
    return _one_step(layer, read_cells(cells, "", layer.version), x, _states_of(given, states))


# --- both directions ------------------------------------------------------------------------------------------------

MERGE = {"sum": "Add", "mul": "Mul"}


def _read(document: Any, path: str, version: eras.Version) -> Recurrence:
    """A recurrent layer in the config of a Bidirectional."""
    class_name, config = class_and_config(document)
    function = LAYERS.get(class_name)
    if function not in (recurrent, rnn, conv_lstm):
        raise Fault("IX301", f"it wraps the layer {class_name}")
    options, faults = bind(function, class_name, config, version)
    if faults or (fault := dtype_fault(config)):
        raise Fault("IX301", f"{class_name}: {'; '.join(faults) or fault}")
    options = {**(function.__kwdefaults__ or {}), **options}
    cells: Sequence[Cell | ConvCell]
    if function is rnn:
        cells = read_cells(options["cell"], f"{path}cell/", version)
    elif function is conv_lstm:
        cells = [_conv_cell(f"{path}cell/", options, version)]
    else:
        cells = [make_cell(class_name, f"{path}cell/", version, options)]
    names = ("return_sequences", "return_state", "go_backwards", "time_major", "zero_output_for_mask")
    options.setdefault("time_major", False)
    return Recurrence(tuple(cells), *(options[name] for name in names))


def _options_of(document: Any, version: eras.Version) -> tuple[str, Mapping[str, Any]]:
    """The class of a wrapped layer, and its options with those that are not given."""
    class_name, config = class_and_config(document)
    return class_name, {**(recurrent.__kwdefaults__ or {}), **eras.defaults(class_name, version), **config}


def _both(forward: Any, backward: Any, version: eras.Version) -> tuple[Recurrence, Recurrence]:
    one = _read(forward, "forward_layer/", version)
    if backward is None:
        other = _read(forward, "backward_layer/", version)
        return one, replace(other, go_backwards=not one.go_backwards)
    return one, _read(backward, "backward_layer/", version)


def _weights_of_both(class_name: str, options: Mapping[str, Any], version: eras.Version) -> list[str]:
    both = _both(options.get("wrapped"), options.get("backward_layer"), version)
    return [name for each in both for cell in each.cells for name in cell.weights]


@called_with("initial_state")
@weights_by(_weights_of_both, shown=("those of both layers",))
def bidirectional(
    layer: Layer,
    x: str,
    *states: str,
    initial_state: Any = None,
    wrapped: Any,
    backward_layer: Any = None,
    merge_mode: str | None = "concat",
    zero_output_for_mask: bool = True,
) -> Any:
    """`zero_output_for_mask`: what it makes of that option of its layers, if they return sequences."""
    forward, backward = _both(wrapped, backward_layer, layer.version)
    if zero_output_for_mask:
        forward, backward = (
            _as_it_was(layer, replace(each, zero_output_for_mask=each.return_sequences), *options)
            for each, options in (
                (forward, _options_of(wrapped, layer.version)),
                (backward, _options_of(backward_layer or wrapped, layer.version)),
            )
        )
    rank = 3 if isinstance(forward.cells[0], Cell) else layer.rank(x)
    if layer.rank(x) != rank or forward.time_major or backward.time_major:
        layer.refuse("time_major is true" if layer.rank(x) == 3 else f"its input has {layer.rank(x)} dimensions")
    if forward.return_sequences != backward.return_sequences or forward.go_backwards == backward.go_backwards:
        layer.reject("its two layers do not fit each other")
    if merge_mode not in (*MERGE, "ave", "concat", None):
        layer.reject(f"merge_mode is {merge_mode!r}")
    given = _given(states, initial_state)
    _check_states(layer, given, forward.states + backward.states)
    mask = _used_mask(layer, len(given))
    if mask is None and _is_one_operator(layer, forward, backward) and merge_mode is not None:
        merged, after = _run_both(layer, forward, backward, x, given, merge_mode)
        made: tuple[str, ...] = (merged,)
    else:
        steps = Steps.of(layer, mask)
        one = run(layer, forward, x, given[: forward.states], steps)
        other = run(layer, backward, x, given[forward.states :], steps)
        after = (*one.states, *other.states)
        made = _merged(layer, one.output, other.output, merge_mode)
    if forward.return_sequences and forward.go_backwards:  # both directions then begin with the last step
        made = tuple(flipped(layer, y) for y in made)
    layer.give_masks(*[layer.mask if forward.return_sequences else None] * len(made))
    return (*made, *after) if forward.return_state else made if len(made) > 1 else made[0]


def _merged(layer: Layer, one: str, other: str, mode: str | None) -> tuple[str, ...]:
    if mode is None:
        return one, other
    if mode == "concat":
        return (layer.add("Concat", one, other, axis=-1),)
    if mode == "ave":
        return (layer.add("Mul", layer.add("Add", one, other), 0.5),)
    return (layer.add(MERGE[mode], one, other),)


def _is_one_operator(layer: Layer, forward: Recurrence, backward: Recurrence) -> bool:
    """Whether both directions can be one call: one cell each, alike but for weights and activations."""
    if forward.go_backwards or len(forward.cells) + len(backward.cells) != 2:
        return False
    one, other = forward.cells[0], backward.cells[0]
    if not isinstance(one, Cell) or not isinstance(other, Cell):
        return False
    alike = (one.kind, one.units, one.reset_after) == (other.kind, other.units, other.reset_after)
    return alike and activation_attributes(layer, (one, other)) is not None


def _run_both(
    layer: Layer, forward: Recurrence, backward: Recurrence, x: str, states: Sequence[str], mode: str
) -> tuple[str, tuple[str, ...]]:
    """Both directions by one operator, and their last states."""
    cells = [cell for each in (forward, backward) for cell in each.cells if isinstance(cell, Cell)]
    halves = [states[: forward.states], states[forward.states :]]
    x = layer.add("Transpose", x, perm=[1, 0, 2])
    y, *finals = _operator(layer, cells, x, halves, None, "bidirectional")
    if forward.return_sequences:  # (time, 2, batch, units) -> (batch, time, 2, units)
        y, axis = layer.add("Transpose", y, perm=[2, 0, 1, 3]), 2
    else:
        y, axis = layer.add("Transpose", finals[0], perm=[1, 0, 2]), 1
    if mode == "concat":
        merged = layer.add("Reshape", y, [*[0] * axis, 2 * cells[0].units])
    else:
        op = {"sum": "ReduceSum", "ave": "ReduceMean", "mul": "ReduceProd"}[mode]
        merged = layer.add(op, y, [axis], keepdims=0)
    if not forward.return_state:
        return merged, ()
    apart = [layer.add("Gather", final, d, axis=0) for d in (0, 1) for final in finals]
    return merged, tuple(apart)


LAYERS: Mapping[str, LayerFunction] = {
    "Bidirectional": bidirectional,
    **{f"ConvLSTM{n}D": conv_lstm for n in (1, 2, 3)},
    "CuDNNGRU": recurrent,
    "CuDNNLSTM": recurrent,
    "GRU": recurrent,
    "GRUCell": cell,
    "LSTM": recurrent,
    "LSTMCell": cell,
    "RNN": rnn,
    "SimpleRNN": recurrent,
    "SimpleRNNCell": cell,
    "StackedRNNCells": stacked_cells,
}
