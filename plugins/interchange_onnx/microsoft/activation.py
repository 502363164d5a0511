"""Activations with something added before or after."""

from __future__ import annotations

from collections.abc import Sequence

from interchange_onnx.microsoft.expansion import Expansion

# Activations by name, and which attributes of ONNX's operator their parameters are, in order.
PARAMETERS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "Softsign": (),
    "Softplus": (),
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
}


def activated(at: Expansion, x: str, name: str, parameters: Sequence[float] = ()) -> str:
    """x after the activation that another operator was fused with; "" is none."""
    if not name:
        return x
    if name == "Clip":
        low, high = (at.number(value, x) for value in parameters)
        return at.add("Clip", x, low, high)
    if name == "HardSwish":
        return at.add("HardSwish", x)
    if name == "Gelu":
        return at.add("Gelu", x)
    if name not in PARAMETERS or len(parameters) > len(PARAMETERS[name]):
        raise at.unsupported(f"the activation {name!r}{f' with {list(parameters)}' if parameters else ''}")
    return at.add(name, x, **dict(zip(PARAMETERS[name], parameters, strict=False)))


def plus(at: Expansion, x: str, *others: str) -> str:
    """The sum of those that are there."""
    for other in filter(None, others):
        x = at.add("Add", x, other)
    return x


def _sigmoid_linear(at: Expansion, x: str, alpha: float) -> str:
    """x * sigmoid(alpha * x)."""
    inside = x if alpha == 1 else at.add("Mul", x, at.number(alpha, x))
    return at.add("Mul", x, at.add("Sigmoid", inside))


def Gelu(at: Expansion, x: str) -> str:
    """x * Φ(x)."""
    return at.add("Gelu", x)


def BiasGelu(at: Expansion, a: str, b: str) -> str:
    """Gelu(a + b)."""
    return at.add("Gelu", at.add("Add", a, b))


def FastGelu(at: Expansion, x: str, bias: str = "") -> str:
    """Gelu(x + bias), with tanh in place of erf."""
    return at.add("Gelu", plus(at, x, bias), approximate="tanh")


def QuickGelu(at: Expansion, x: str, *, alpha: float = 1.702) -> str:
    """x * sigmoid(alpha * x)."""
    return _sigmoid_linear(at, x, alpha)


def BiasAdd(at: Expansion, x: str, bias: str, skip: str) -> str:
    """x + bias + skip."""
    return plus(at, x, bias, skip)


def BiasSplitGelu(at: Expansion, x: str, bias: str) -> str:
    """a * Gelu(b), where a and b are the halves of x + bias."""
    left, right = at.add_many("Split", 2, at.add("Add", x, bias), axis=-1, num_outputs=2)
    return at.add("Mul", left, at.add("Gelu", right))


def BiasSoftmax(at: Expansion, data: str, bias: str, *, axis: int = 1, is_inner_broadcast: int) -> str:
    """Softmax(data + bias) along the last dimension; where `bias` is broadcast, its shape tells."""
    if axis != -1 and axis != at.rank(data, "data") - 1:
        raise at.unsupported(f"axis={axis}, which is not the last one")
    return at.add("Softmax", at.add("Add", data, bias), axis=-1)


def SwiGLU(
    at: Expansion,
    gate: str,
    up: str = "",
    *,
    activation_alpha: float = 1.0,
    activation_beta: float = 0.0,
    limit: float = 0.0,
    round_activation: int = 0,
) -> str:
    """gate * sigmoid(alpha * gate) * (up + beta), both limited if `limit` > 0; without `up` gate holds both."""
    if not up:
        gate, up = at.add_many("Split", 2, gate, axis=-1, num_outputs=2)
    if limit > 0:
        high = at.number(limit, gate)
        gate, up = at.add("Min", gate, high), at.add("Clip", up, at.number(-limit, up), high)
    if activation_beta:
        up = at.add("Add", up, at.number(activation_beta, up))
    return at.add("Mul", _sigmoid_linear(at, gate, activation_alpha), up)


def _refuse_training(at: Expansion, training_mode: str) -> None:
    if training_mode and at.constant_of(training_mode, "training_mode").any():
        raise at.unsupported("it is for training")


def BiasDropout(
    at: Expansion,
    data: str,
    bias: str,
    residual: str = "",
    ratio: str = "",
    training_mode: str = "",
    *,
    seed: int = 0,
) -> str:
    """data + bias + residual."""
    _refuse_training(at, training_mode)
    return plus(at, data, bias, residual)


def BitmaskDropout(at: Expansion, data: str, ratio: str = "", training_mode: str = "", *, seed: int = 0) -> str:
    """data."""
    _refuse_training(at, training_mode)
    return data
