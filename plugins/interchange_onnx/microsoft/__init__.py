"""Operators of ONNX Runtime's own domain, `com.microsoft`, each as a small graph of ONNX's operators.

ONNX Runtime's optimiser writes them into the models that it saves. One function is the lift of one operator, and its
signature is the schema: after the `Expansion`, positional parameters are the names of inputs ("": absent),
keyword-only ones are attributes. It returns the names of the outputs, as many as it can make.

The meaning is that of ONNX Runtime's documentation (docs/ContribOperators.md of its repository). Operators that have
none in public, above all those of `com.microsoft.nchwc`, whose tensors are in an order that depends on the processor,
are refused by the importer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from interchange import ops
from interchange.errors import BadInput
from interchange.graph import Node
from interchange_onnx.microsoft import activation, attention, linear, normalization, quantized, shaping, text
from interchange_onnx.microsoft.expansion import Expansion, Known

__all__ = ["DOMAIN", "IN_ONNX_DOMAIN", "LIFTS", "Known", "faults", "lift"]

DOMAIN = "com.microsoft"
BLOCKED = "com.microsoft.nchwc"
IN_ONNX_DOMAIN = ("SimplifiedLayerNormalization",)  # ONNX Runtime has put it into ONNX's own domain

Lift = Callable[..., "str | tuple[str, ...]"]
LIFTS: Mapping[str, Lift] = MappingProxyType(
    {
        f"{DOMAIN}.{name}": function
        for module in (activation, attention, linear, normalization, quantized, shaping, text)
        for name, function in ops.functions_of(module).items()
    }
)


def faults(op: str, attributes: Iterable[str]) -> Iterator[str]:
    """Why a node of these domains is not supported."""
    if op.startswith(BLOCKED):
        yield f"{op} (an order of numbers in memory for one processor; save the model at the level 'extended')"
    elif op not in LIFTS:
        yield op
    else:
        parameters = inspect.signature(LIFTS[op]).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            yield from (f"{op} with the attribute {name!r}" for name in attributes if name not in parameters)


def lift(node: Node, known: Known, free_name: Callable[[str], str]) -> list[Node]:
    """The nodes that compute what a node of com.microsoft does, under the same names.

    Raises:
        BadInput: (IX203) its constants or attributes do not fit one another.
        Unsupported: (IX301) inputs are missing, or it uses something that ONNX's operators do not have.
    """
    at = Expansion(node, known, free_name)
    function = LIFTS[node.op]
    try:
        inspect.signature(function).bind(at, *node.inputs, **node.attributes)
    except TypeError as error:
        raise at.unsupported(str(error)) from error
    try:
        made = function(at, *node.inputs, **node.attributes)
    except (ValueError, TypeError, IndexError, ZeroDivisionError, OverflowError, MemoryError) as error:
        raise BadInput(
            "IX203", f"{node.op} does not get what it needs.", where=node.source, why=str(error) or type(error).__name__
        ) from error
    return at.finish((made,) if isinstance(made, str) else made)
