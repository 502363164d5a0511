"""What is done to the result of a convolution or a product, and goes into its op."""

from __future__ import annotations

from typing import Any, NamedTuple

from interchange.graph import Array
from interchange_numpy.activations import Activation
from interchange_numpy.network import Network, Op
from interchange_numpy.passes.chain import Chain, per_channel


class Fused(NamedTuple):
    """activation(y * scale + shift + residual); `scale` and `shift` in float64, one for each channel or None."""

    scale: Array | None
    shift: Array | None
    residual: str  # a value of the same shape, or ""
    activation: Activation | None

    @property
    def attributes(self) -> dict[str, Any]:
        """Those of the op that takes it in; the residual is an input."""
        return {"scale": self.scale, "shift": self.shift, "activation": self.activation}


def take_epilogue(
    chain: Chain, shift: Array, axis: int, network: Network, *, scale: Array | None = None, adds: bool = True
) -> Fused:
    """Lets the chain grow by what an epilogue can hold.

    Args:
        scale: what there is already, float64, one for each channel.
        shift: the bias, float64, one for each channel.
        axis: that of the channels.
        adds: whether a residual can be taken in.
    """
    residual = ""
    activation: Activation | None = None
    while (following := chain.next()) is not None:
        if not network.precise and not residual:
            affine = per_channel(following, chain.value, axis, network)
            if affine is not None:
                factor, term = affine
                if (factor != 1).any():  # else the weights stay as they are, without a copy
                    scale = factor if scale is None else scale * factor
                shift = shift * factor + term
                chain.append(following)
                continue
            residual = residual_of(following, chain.value, network) if adds else ""
            if residual:
                chain.append(following)
                continue
        if following.kind == "activation":
            activation = following.attributes["activation"]
            chain.append(following)
        break
    return Fused(scale, shift if shift.any() else None, residual, activation)


def residual_of(op: Op, value: str, network: Network) -> str:
    """The other operand of an Add of two values of one shape; "" if this is none."""
    if op.kind != "Add":
        return ""
    other = op.inputs[1] if op.inputs[0] == value else op.inputs[0]
    same = network.shape(other) == network.shape(value) and network.is_float32(other, op.outputs[0])
    return other if same and other != value and other not in network.constants else ""
