"""Operators of the domain "interchange" as subgraphs of ONNX's own.

ONNX cannot look into a text, but it can split one at a character that it is told, join texts, and look them up. So a
letter is replaced by splitting at it and joining the parts around another. What needs the characters or bytes of
texts that nobody knows beforehand has no such form. ONNX Runtime has an operator of its own that takes texts apart into
characters (`RUNTIME_OPERATORS`); none hashes texts. Integers are hashed (interchange_onnx.hashing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from interchange.graph import Graph, Node, TensorSpec
from interchange_onnx.emitter import Emitter
from interchange_onnx.hashing import fingerprint64, sip_hash
from interchange_onnx.specs import specs_of

DOMAIN = "interchange."
WHITE_SPACE = "\t\n\v\f\r"  # besides the space itself


@dataclass(frozen=True, slots=True)
class RuntimeOperator:
    """An operator of ONNX Runtime. `output`: what ONNX, which does not know it, has to be told of its only one."""

    domain: str
    name: str
    attributes: Mapping[str, Any]
    output: TensorSpec


# How a file says our operators. Source: docs/ContribOperators.md of ONNX Runtime's repository.
RUNTIME_OPERATORS: Mapping[str, RuntimeOperator] = {
    "interchange.Tokenize": RuntimeOperator(  # of a vector, into characters
        "com.microsoft",
        "Tokenizer",
        {"mark": 0, "mincharnum": 1, "pad_value": "", "separators": [""]},
        TensorSpec("object", (None, None)),
    ),
}


def own_operators(graph: Graph) -> Graph:
    """The graph with its operators of the domain "interchange" written in those of ONNX, as far as that can be."""
    if not any(node.op.startswith(DOMAIN) for node in graph.nodes):
        return graph
    specs = specs_of(graph)
    emitter, nodes = Emitter(graph), []
    for node in graph.nodes:
        lower = LOWERINGS.get(node.op)
        if lower is None or any(_obstacles(node, specs)):
            nodes.append(node)
            continue
        emitter.begin(node)
        emitter.nodes = []
        made = lower(emitter, node, specs)
        nodes += emitter.nodes
        pairs = zip(node.outputs, made, strict=False)
        nodes += [Node("Identity", (new,), (old,), {}, node.source) for old, new in pairs if old]
    return replace(graph, nodes=tuple(nodes), constants=emitter.constants)


def inexpressible(graph: Graph) -> Iterator[tuple[int, str]]:
    """The nodes (by identity) of the domain "interchange" that ONNX has no form for, and why."""
    specs = specs_of(graph) if any(node.op.startswith(DOMAIN) for node in graph.nodes) else {}
    for node in graph.nodes:
        yield from ((id(node), why) for why in _obstacles(node, specs))


def _obstacles(node: Node, specs: Mapping[str, TensorSpec]) -> Iterator[str]:
    if node.op in ("interchange.Fingerprint64", "interchange.SipHash"):
        spec = specs.get(node.inputs[0])
        if spec is None or spec.dtype not in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"):
            yield f"ONNX cannot hash {'texts' if spec is None or spec.dtype == 'object' else spec.dtype}"


# --- texts -----------------------------------------------------------------------------------------------------------


def _replaced(e: Emitter, x: str, old: str, new: str) -> str:
    """Each text with another text in place of one character."""
    parts, counts = e.add_many("StringSplit", x, outputs=2, delimiter=old)
    width = e.add("Squeeze", e.add("Shape", parts, start=-1), [0])
    nothing = e.add("ai.onnx.ml.LabelEncoder", x, keys_strings=("",), values_strings=("",), default_string="")

    def step(number: str, text: str) -> str:
        if new:
            is_between = e.add("And", e.add("Less", 0, number), e.add("Less", number, counts))
            text = e.add("StringConcat", text, e.text(e.add("Cast", is_between, to="int64"), {1: new}))
        return e.add("StringConcat", text, e.add("Gather", parts, number, axis=-1))

    return e.loop(width, nothing, step)


def _ascii_lower(e: Emitter, node: Node, specs: Mapping[str, TensorSpec]) -> Sequence[str]:
    x = node.inputs[0]
    for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        x = _replaced(e, x, upper, upper.lower())
    return [x]


def _remove_characters(e: Emitter, node: Node, specs: Mapping[str, TensorSpec]) -> Sequence[str]:
    x = node.inputs[0]
    for character in dict.fromkeys(node.attributes["characters"]):
        x = _replaced(e, x, character, "")
    return [x]


def _tokenize(e: Emitter, node: Node, specs: Mapping[str, TensorSpec]) -> Sequence[str]:
    """Split at every single space; what is between two of them is left out. So no other idea of white space counts."""
    x = node.inputs[0]
    if node.attributes.get("unit") == "character":
        return _characters(e, x)
    for character in WHITE_SPACE:
        x = _replaced(e, x, character, " ")
    parts = e.add_many("StringSplit", e.add("StringConcat", e.word(" "), x), outputs=2, delimiter=" ")[0]
    return _brought_to_front(e, parts, _is_there(e, parts))


def _characters(e: Emitter, x: str) -> Sequence[str]:
    """Those of a vector of texts, in the shape of the texts. No text has an empty one, so what is empty is padding."""
    flat = e.add("interchange.Tokenize", e.add("Reshape", x, [-1]), unit="character")
    shape = e.add("Concat", e.add("Shape", x), e.add("Shape", flat, start=-1), axis=0)
    parts = e.add("Reshape", flat, shape, allowzero=1)
    return [parts, e.add("ReduceSum", _is_there(e, parts), [-1], keepdims=0)]


def _is_there(e: Emitter, parts: str) -> str:
    """1 for each text, 0 for each that is empty."""
    return e.add("ai.onnx.ml.LabelEncoder", parts, keys_strings=("",), values_int64s=(0,), default_int64=1)


def _n_grams(e: Emitter, node: Node, specs: Mapping[str, TensorSpec]) -> Sequence[str]:
    """All places of each length, also those beyond the end, which are then left out."""
    tokens, counts = node.inputs
    lengths, separator = node.attributes["lengths"], node.attributes.get("separator", " ")
    more = e.add("Concat", e.add("Shape", counts), [max(lengths)], axis=0)
    blank = e.text(e.add("Expand", 0, more), {})
    wide = e.add("Concat", tokens, blank, axis=-1)
    width = e.add("Add", e.add("Shape", tokens, start=-1), 1)
    places = e.add("Range", 0, e.add("Squeeze", width, [0]), 1)
    grams, known = [], []
    for n in lengths:
        gram = e.add("Slice", wide, [0], width, [-1])
        for i in range(1, n):
            following = e.add("Slice", wide, [i], e.add("Add", width, i), [-1])
            gram = e.add("StringConcat", e.add("StringConcat", gram, e.word(separator)), following)
        grams.append(gram)
        starts = e.add("Unsqueeze", e.add("Sub", counts, n - 1), [-1])
        known.append(e.add("Cast", e.add("Less", places, starts), to="int64"))
    gram, is_known = (e.add("Concat", *parts, axis=-1) for parts in (grams, known))
    return _brought_to_front(e, e.add("Where", e.add("Cast", is_known, to="bool"), gram, e.word("")), is_known)


def _brought_to_front(e: Emitter, x: str, is_kept: str) -> Sequence[str]:
    """The entries of the last dimension for which `is_kept` is 1, in order, then the others, as far as any row needs;
    and how many there are in each row.
    """
    width = e.add("Shape", x, start=-1)
    places = e.add("Range", 0, e.add("Squeeze", width, [0]), 1)
    rank = e.add("Sub", e.add("Mul", is_kept, width), places)
    order = e.add_many("TopK", rank, width, outputs=2, axis=-1)[1]
    counts = e.add("ReduceSum", is_kept, [-1], keepdims=0)
    most = e.add("ReduceMax", e.add("Concat", e.add("Reshape", counts, [-1]), [0], axis=0))
    return [e.add("Slice", e.add("GatherElements", x, order, axis=-1), [0], most, [-1]), counts]


Lowering = Callable[[Emitter, Node, Mapping[str, TensorSpec]], Sequence[str]]
LOWERINGS: Mapping[str, Lowering] = {
    "interchange.AsciiLower": _ascii_lower,
    "interchange.Fingerprint64": fingerprint64,
    "interchange.NGrams": _n_grams,
    "interchange.RemoveCharacters": _remove_characters,
    "interchange.SipHash": sip_hash,
    "interchange.Tokenize": _tokenize,
}
