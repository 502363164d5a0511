"""What releases of ONNX Runtime read: `target_ort`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from interchange.errors import BadInput, Unsupported

if TYPE_CHECKING:
    from onnx import ModelProto

ML = "ai.onnx.ml"


class Reads(NamedTuple):
    """The newest that a release reads: the opset, the IR version, the opset of ai.onnx.ml."""

    opset: int
    ir_version: int
    ml_opset: int


# From 1.15 on what the releases themselves say when they are given something newer; before, the table that is published
# (https://onnxruntime.ai/docs/reference/compatibility.html). One that is not here reads what the one before it does.
RELEASES: Mapping[tuple[int, int], Reads] = MappingProxyType(
    {
        (1, 8): Reads(14, 7, 2),
        (1, 9): Reads(15, 7, 2),
        (1, 11): Reads(16, 8, 2),
        (1, 12): Reads(17, 8, 3),
        (1, 14): Reads(18, 8, 3),
        (1, 15): Reads(19, 9, 3),
        (1, 17): Reads(20, 9, 4),
        (1, 18): Reads(21, 10, 5),
        (1, 21): Reads(22, 10, 5),
        (1, 23): Reads(23, 11, 5),
        (1, 24): Reads(25, 13, 5),
        (1, 25): Reads(26, 13, 5),
        (1, 32): Reads(28, 14, 5),
    }
)


def read_by(release: object) -> Reads:
    """What a release ("1.17", "1.17.3") reads.

    Raises:
        BadInput: (IX103) this is no release, or one that is older than the table.
    """
    found = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", release) if isinstance(release, str) else None
    oldest = ".".join(map(str, min(RELEASES)))
    if found is None:
        why = 'it has to be a text, such as "1.17"'
        raise BadInput("IX103", f"{release!r} is no release of ONNX Runtime.", where="target_ort", why=why)
    number = (int(found[1]), int(found[2]))
    if number < min(RELEASES):
        raise BadInput(
            "IX103", f"ONNX Runtime {release} is too old.", where="target_ort", why=f"the oldest known is {oldest}"
        )
    return RELEASES[max(known for known in RELEASES if known <= number)]


def fitted(model: ModelProto, release: str) -> ModelProto:
    """The model, of an opset that the release reads, in its IR version.

    A new IR version brings new types, which the opset decides about, and entries that the exporter does not write.

    Raises:
        Unsupported: (IX303) it needs a newer ai.onnx.ml than the release has.
    """
    reads = read_by(release)
    needed = max((entry.version for entry in model.opset_import if entry.domain == ML), default=1)
    if needed > reads.ml_opset:
        from interchange_onnx.protos import all_nodes

        names = sorted({node.op_type for node in all_nodes(model.graph) if node.domain == ML})
        raise Unsupported(
            "IX303",
            f"ONNX Runtime {release} cannot read this model.",
            where=model.graph.name,
            why=f"it has {ML} {reads.ml_opset}, and {needed} is needed for one of {', '.join(names)}",
            next_step="Choose a newer release.",
        )
    model.ir_version = min(model.ir_version, reads.ir_version)
    return model
