"""The operators on Python lists: one function each, with ONNX's name and the signature of `interchange.ops`.

A script contains those that its model uses, copied from here with the helpers that they call. They need Python 3.9 and
its standard library only. Every function whose name starts with a capital is an operator; an attribute is a keyword.
A keyword that is no attribute of the operator is a type that the exporter tells: `input_dtype`, that of the first
input, or `output_dtype`, that of the first output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from interchange.catalogue import Catalogue
from interchange.ops import functions_of


def _catalogue(*modules: str) -> Catalogue[Callable[..., Any]]:
    return Catalogue([f"{__name__}.{module}" for module in modules], functions_of)


# In this order a script has them: what layers do first, what they share last. They are searched in this order, too.
DOMAINS: Mapping[str, Catalogue[Callable[..., Any]]] = {
    "ai.onnx.ml": _catalogue("ml.encoders", "ml.linear", "ml.trees", "ml.scores"),
    "ai.onnx.preview": _catalogue("preview"),
    "interchange": _catalogue("own.hashing", "own.text"),
    "": _catalogue(
        *("linear", "convolution", "pooling", "spatial", "normalization", "activation", "elementwise", "shaping"),
        *("recurrent", "logic", "reduction", "resize", "attention", "control", "quantization", "vision", "decoder"),
        *("signal", "text", "sequence", "dropout", "random", "loss", "sampling", "bits", "types", "small_floats"),
        *("arithmetic", "tensor"),
    ),
}


class _Kernels(Mapping[str, Callable[..., Any]]):
    """The functions by the names of operators, "Conv" or "domain.Op"."""

    modules = tuple(module for catalogue in DOMAINS.values() for module in catalogue.modules)

    def __getitem__(self, op: str) -> Callable[..., Any]:
        domain, _, name = op.rpartition(".")
        if domain not in DOMAINS:
            raise KeyError(op)
        return DOMAINS[domain][name]

    def __iter__(self) -> Iterator[str]:
        for domain, catalogue in DOMAINS.items():
            yield from (f"{domain}.{name}" if domain else name for name in catalogue)

    def __len__(self) -> int:
        return sum(map(len, DOMAINS.values()))


KERNELS = _Kernels()
