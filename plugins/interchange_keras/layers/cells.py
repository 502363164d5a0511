"""The cells of recurrent layers: their options, where their weights are in a file, and ONNX's form of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Fault, Layer
from interchange_keras.options import bind, dtype_fault

# Kind of cell -> ONNX's operator; ONNX's gates, as positions among Keras's; its states; its activation functions.
OPERATOR = {"SimpleRNN": "RNN", "GRU": "GRU", "LSTM": "LSTM"}
GATES: Mapping[str, Sequence[int]] = {
    "SimpleRNN": (0,),
    "GRU": (0, 1, 2),  # update, reset, hidden, in both
    "LSTM": (0, 3, 1, 2),  # Keras: input, forget, cell, output; ONNX: input, output, forget, cell
}
STATES = {"SimpleRNN": 1, "GRU": 1, "LSTM": 2, "ConvLSTM": 2}
FUNCTIONS: Mapping[str, Sequence[str]] = {
    "SimpleRNN": ("activation",),
    "GRU": ("recurrent_activation", "activation"),
    "LSTM": ("recurrent_activation", "activation", "activation"),
}

# Keras 1 kept the gates apart, in this order; the numbers are their places in Keras 2.
OLD_GATES: Mapping[str, Sequence[tuple[str, int]]] = {
    "LSTM": (("i", 0), ("c", 2), ("f", 1), ("o", 3)),
    "GRU": (("z", 0), ("r", 1), ("h", 2)),
}
FUSED = 2  # the `implementation` that never kept them apart

# Activation -> ONNX's function, alpha and beta. hard_sigmoid depends on the era. Softplus is not among them, since ONNX
# Runtime's overflows; the cells of this and of all others are written out (layers.loop).
ACTIVATIONS: Mapping[str, tuple[str, float | None, float | None]] = {
    "elu": ("Elu", 1.0, None),
    "linear": ("Affine", 1.0, 0.0),
    "relu": ("Relu", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "softsign": ("Softsign", None, None),
    "tanh": ("Tanh", None, None),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `path` is where its weights are: "cell/", "forward_layer/cell/" …"""

    kind: str
    path: str
    units: int
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    reset_after: bool = False
    is_split: bool = False  # a file of Keras 1 with an array for each gate
    is_cudnn: bool = False
    is_residual: bool = False  # its input is added to its output

    @property
    def weights(self) -> list[str]:
        """The declared weights, in Keras's order."""
        if self.is_split:
            return [f"{self.path}{part}_{gate}" for gate, _ in OLD_GATES[self.kind] for part in "WUb"]
        return [f"{self.path}{name}" for name in ("kernel", "recurrent_kernel", *["bias"] * self.use_bias)]


def cell_options(
    *,
    units: int,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    use_bias: bool = True,
    reset_after: bool = True,
    implementation: int = FUSED,
) -> dict[str, Any]:
    """The options of SimpleRNNCell, LSTMCell and GRUCell, for `bind`."""
    return {
        "units": units,
        "activation": activation,
        "recurrent_activation": recurrent_activation,
        "use_bias": use_bias,
        "reset_after": reset_after,
        "implementation": implementation,
    }


def make_cell(class_name: str, path: str, version: eras.Version, options: Mapping[str, Any]) -> Cell:
    """The cell of a layer, or a cell class, with the options of `cell_options`."""
    kind = class_name.removesuffix("Cell").removeprefix("CuDNN")
    is_cudnn = class_name.startswith("CuDNN")
    return Cell(
        kind,
        path,
        options["units"],
        options["activation"],
        options["recurrent_activation"],
        options["use_bias"] or version < (2,),
        kind == "GRU" and (is_cudnn or options["reset_after"]),
        version < (2,) and kind in OLD_GATES and options["implementation"] != FUSED,
        is_cudnn,
    )


def read_cells(document: Any, path: str, version: eras.Version) -> list[Cell]:
    """The cells of an RNN layer: one, or several one upon the other."""
    if isinstance(document, list):
        return _stacked(document, path, version)
    class_name, config = class_and_config(document)
    if class_name == "StackedRNNCells":
        if config.get("reverse_state_order"):
            raise Fault("IX301", "reverse_state_order is true")
        return _stacked(config.get("cells"), path, version)
    if class_name == "ResidualWrapper":
        return [_residual(config, path, version)]
    if class_name not in ("SimpleRNNCell", "LSTMCell", "GRUCell"):
        raise Fault("IX301", f"the cell {class_name} is not supported", "write a layer plugin")
    options, faults = bind(cell_options, class_name, config, version)
    if faults or (fault := dtype_fault(config)):
        raise Fault("IX301", f"the cell {class_name}: {'; '.join(faults) or fault}")
    return [make_cell(class_name, path, version, cell_options(**options))]


def _residual(config: Mapping[str, Any], path: str, version: eras.Version) -> Cell:
    """tf.nn.RNNCellResidualWrapper"""
    if set(config) - {"cell", "name", "trainable", "dtype"}:
        raise Fault("IX301", "a ResidualWrapper with a function of its own")
    cells = read_cells(config.get("cell"), f"{path}cell/", version)
    if len(cells) > 1 or cells[0].is_residual:
        raise Fault("IX301", "a ResidualWrapper around several cells")
    return replace(cells[0], is_residual=True)


def _stacked(documents: Any, path: str, version: eras.Version) -> list[Cell]:
    """Keras numbers the folders of the cells by class: cells/lstm_cell, cells/lstm_cell_1 …"""
    if not isinstance(documents, list) or not documents or len(documents) > 1000:
        raise Fault("IX203", "it has no list of cells")
    cells: list[Cell] = []
    folders = {"SimpleRNN": "simple_rnn_cell", "LSTM": "lstm_cell", "GRU": "gru_cell"}
    for document in documents:
        if class_and_config(document)[0] == "StackedRNNCells":
            raise Fault("IX301", "stacked cells within stacked cells")
        (cell,) = read_cells(document, path, version)
        number = sum(other.kind == cell.kind for other in cells)
        folder = folders[cell.kind] + (f"_{number}" if number else "")
        (cell,) = read_cells(document, f"{path}cells/{folder}/", version)
        cells.append(cell)
    return cells


def class_and_config(document: Any) -> tuple[str, dict[str, Any]]:
    """Class and config, in today's vocabulary, of a layer or cell within a config."""
    if not isinstance(document, Mapping) or not isinstance(document.get("config"), Mapping):
        raise Fault("IX203", f"{str(document)[:80]} is no layer")
    class_name = eras.modern_class(str(document.get("class_name")))
    return class_name, eras.modern_config(class_name, document["config"])


# --- weights --------------------------------------------------------------------------------------------------------


def keras_weights(layer: Layer, cell: Cell, depth: int | None) -> tuple[Array, Array, Array | None]:
    """Kernel (in, gates * units), recurrent kernel (units, gates * units) and bias of a cell, as Keras 3 has them.

    The bias is (gates * units), or (2, gates * units) if the recurrent kernel has one of its own.
    """
    gates, units = len(GATES[cell.kind]), cell.units
    if cell.is_split:
        parts = {}
        for part, shape in (("W", (depth, units)), ("U", (units, units)), ("b", (units,))):
            arrays = [(place, layer.array(f"{cell.path}{part}_{gate}", shape)) for gate, place in OLD_GATES[cell.kind]]
            parts[part] = np.concatenate([array for _, array in sorted(arrays, key=lambda item: item[0])], axis=-1)
        return parts["W"], parts["U"], parts["b"]
    kernel = layer.array(f"{cell.path}kernel", (depth, gates * units))
    recurrent = layer.array(f"{cell.path}recurrent_kernel", (units, gates * units))
    bias = layer.array(f"{cell.path}bias") if cell.use_bias else None
    # a layer that computed on the CPU reads the file of its CuDNN twin: the size of the bias tells, as for Keras
    if cell.is_cudnn or (bias is not None and gates > 1 and bias.shape == (2 * gates * units,)):
        return from_cudnn(cell.kind, kernel, recurrent, bias)
    expected = (2, gates * units) if cell.reset_after else (gates * units,)
    if bias is not None and bias.shape != expected:
        layer.array(f"{cell.path}bias", expected)  # says what is wrong
    return kernel, recurrent, bias


def from_cudnn(kind: str, kernel: Array, recurrent: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    """CuDNN keeps each gate's kernel transposed, and two biases."""
    gates = len(GATES[kind])
    kernel = np.concatenate([k.T.reshape(k.shape, order="F") for k in np.split(kernel, gates, axis=1)], axis=1)
    recurrent = np.concatenate([k.T for k in np.split(recurrent, gates, axis=1)], axis=1)
    if bias is not None:
        bias = bias.reshape(2, -1)
        bias = bias.sum(axis=0) if kind == "LSTM" else bias
    return kernel, recurrent, bias


def onnx_weights(kind: str, kernel: Array, recurrent: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    """W (gates * units, in), R (gates * units, units) and B (2 * gates * units), with ONNX's order of the gates."""

    def reordered(array: Array) -> Array:
        """(rows, gates * units) -> (gates * units, rows)"""
        split = np.split(array, len(GATES[kind]), axis=-1)
        return np.concatenate([split[gate] for gate in GATES[kind]], axis=-1).T

    if bias is not None:
        both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        bias = reordered(both).T.ravel()
    return np.ascontiguousarray(reordered(kernel)), np.ascontiguousarray(reordered(recurrent)), bias


def activation_attributes(layer: Layer, cells: Sequence[Cell]) -> dict[str, Any] | None:
    """The activations of an ONNX operator with these cells as its directions; None if it has no such function."""
    functions = []
    for cell in cells:
        for option in FUNCTIONS[cell.kind]:
            function = _function(getattr(cell, option), layer.version)
            if function is None:
                return None
            functions.append(function)
    names = [name for name, _, _ in functions]
    usual = {"activation": "Tanh", "recurrent_activation": "Sigmoid"}
    if names == [usual[option] for cell in cells for option in FUNCTIONS[cell.kind]]:
        return {}
    alphas = [alpha for _, alpha, _ in functions if alpha is not None]
    betas = [beta for _, _, beta in functions if beta is not None]
    return {
        "activations": names,
        **({"activation_alpha": alphas} if alphas else {}),
        **({"activation_beta": betas} if betas else {}),
    }


def _function(activation: Any, version: eras.Version) -> tuple[str, float | None, float | None] | None:
    if isinstance(activation, Mapping) and isinstance(activation.get("config"), str):
        activation = activation["config"]  # {"class_name": "function", "config": "tanh"}
    if activation is None:
        activation = "linear"
    if activation == "hard_sigmoid":
        return "HardSigmoid", eras.defaults("hard_sigmoid", version).get("slope", 1 / 6), 0.5
    return ACTIVATIONS.get(activation) if isinstance(activation, str) else None
