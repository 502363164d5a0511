"""In which precision a layer computes: the dtype policies of Keras, in every spelling.

A policy names the dtype in which a layer computes and the one in which it keeps its variables; they differ under
"mixed_float16" and "mixed_bfloat16". Keras casts what is a float on the way into a layer, inputs and variables alike,
to the dtype in which it computes. So does the importer: inputs by Cast, variables once, when the graph is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from interchange.graph import Array, dtype_of

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
PLAIN_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1")
QUANTISED_POLICIES = ("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "Int4DTypePolicy")

# Old names, and those of TensorFlow's V1 behaviour, where the dtype was that of the first input.
ALIASES: Mapping[str, str] = {
    "infer": "float32",
    "_infer": "float32",
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "infer_float32_vars": "float32",
    "infer_with_float32_vars": "float32",
}

# These compute in float32 at least, and then cast to what their policy says: 16 bits are too few for a variance.
WIDE = frozenset({"BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization"})

# These take their inputs as they come: indices, and texts.
UNCAST = frozenset(
    {
        *("Embedding", "IntegerLookup", "StringLookup", "TextVectorization", "Hashing", "HashedCrossing"),
        *("Discretization", "CategoryEncoding", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"),
    }
)


class Policy(NamedTuple):
    """Args:
    compute: the dtype in which a layer computes; of some it is an integer or a text, which casts nothing.
    quantised: "int8", "int4/128", "float8" …; "" where the weights are plain.
    """

    compute: str
    quantised: str = ""

    def casts_inputs_of(self, class_name: str) -> bool:
        """Whether a layer casts its inputs; operations ("keras.ops.Add") and the like have no policy."""
        return self.compute in FLOATS and class_name not in UNCAST and "." not in class_name

    def inside(self, class_name: str) -> str:
        """The dtype within a layer of that class."""
        return "float32" if class_name in WIDE and self.compute in ("float16", "bfloat16") else self.compute

    def variable(self, class_name: str, array: Array) -> Array:
        """A variable of the file as the layer uses it: floats in the dtype in which it computes."""
        wanted = self.inside(class_name)
        return array if array.dtype.name not in FLOATS or wanted not in FLOATS else _cast(array, wanted)


def policy_of(dtype: Any) -> Policy:
    """The policy in a layer's config.

    Raises:
        ValueError: there is none of that name, or no meaning for it; in words.
    """
    quantised = ""
    if isinstance(dtype, Mapping):
        class_name, details = dtype.get("class_name"), dtype.get("config")
        details = details if isinstance(details, Mapping) else {}
        if class_name in QUANTISED_POLICIES:
            quantised, dtype = str(details.get("mode")), details.get("source_name")
        elif class_name in PLAIN_POLICIES:
            dtype = details.get("name")
        else:
            raise ValueError(f"the dtype policy {str(class_name)[:80]!r} is not supported")
    if dtype is None:
        return Policy("float32", quantised)
    if not isinstance(dtype, str):
        raise ValueError(f"the dtype {str(dtype)[:80]} is not understood")
    for mode in ("int8", "float8", "int4"):  # Keras 3.0 … wrote these as one name
        if dtype.startswith(f"{mode}_from_"):
            quantised, dtype = quantised or mode, dtype.removeprefix(f"{mode}_from_")
    name = ALIASES.get(dtype, dtype).removeprefix("mixed_")
    name = name.removesuffix("_with_float32_vars")
    if name not in (*FLOATS, *INTEGERS, "bool", "string") or (dtype.startswith("mixed_") and "16" not in name):
        raise ValueError(f"the dtype policy {dtype[:80]!r} is not supported")
    return Policy(name, quantised)


def _cast(array: Array, name: str) -> Array:
    return array if array.dtype.name == name else array.astype(dtype_of(name))
