"""Graph → .keras file that today's Keras 3 opens, for graphs that came from a Keras file of any era."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interchange.errors import BadInput, InterchangeError, Unsupported
from interchange.files import Artifact

if TYPE_CHECKING:
    from interchange.graph import Array, Graph, TensorSpec
    from interchange_keras.origin import Origin

DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes


def save(graph: Graph, path: Path, *, force: bool = False, selftest: bool = True) -> list[Path]:
    """See `interchange_keras.KerasExporter.save`."""
    from interchange_keras.export.model import Writer
    from interchange_keras.origin import KerasGraph
    from interchange_keras.precision import FLOATS

    if not isinstance(graph, KerasGraph) or graph.origin is None:
        raise Unsupported(
            "IX303",
            "Only a model that comes from a Keras file can be written as one.",
            where=f"{graph.name}, {graph.metadata.get('format', 'a graph')}",
            why="its layers are not known, only its operators",
            next_step="Convert the Keras file itself: interchange convert old.h5 --to keras.",
        )
    whole = any(spec.dtype not in FLOATS for spec in graph.inputs.values())
    writer = Writer(graph.origin, _empty(graph), whole)
    document = writer.document()
    if writer.faults:
        raise _inexpressible(graph, writer.faults)
    with Artifact(force=force) as artifact:
        artifact.write(path, _zipped(document, writer.weights, graph.origin))
        faults = _faults(graph, artifact.temporary(path), selftest)
        if faults:
            raise _inexpressible(graph, faults)
    return artifact.paths


def _faults(graph: Graph, path: Path, selftest: bool) -> list[str]:
    """What the file, read as a model of Keras 3, does not do as the graph: above all with integers there may be more
    than the tables of this package tell.
    """
    from interchange.evaluate import evaluate, infer
    from interchange.golden import case_inputs, check_case, make_case
    from interchange_keras.convert import load

    try:
        again = load(path)
    except InterchangeError as error:
        return list(error.why or [error.what])
    try:
        before, after = infer(graph), infer(again)
        faults = [
            f"{name}: it would be {_shown(after[other])} instead of {_shown(before[name])}"
            for name, other in zip(graph.outputs, again.outputs, strict=True)
            if _shown(before[name]) != _shown(after[other])
        ]
        case = make_case(graph) if selftest and not faults else None
        if case is not None:
            made = evaluate(again, dict(zip(again.inputs, case_inputs(case).values(), strict=True)))
            differences = check_case(case, dict(zip(graph.outputs, made.values(), strict=True)))
            faults += [f"Keras 3 would compute something else: {difference}" for difference in differences]
    except BadInput as error:
        if error.code != "IX212":  # sizes and inputs that are tried are not for every model
            raise
        return []
    return faults


def _shown(spec: TensorSpec) -> str:
    sizes = (str(size) if isinstance(size, int) else "?" for size in spec.shape)
    return f"{spec.dtype}[{', '.join(sizes)}]"


def _inexpressible(graph: Graph, why: list[str]) -> Unsupported:
    return Unsupported(
        "IX303",
        "Keras 3 cannot express the model.",
        where=graph.name,
        why=why,
        next_step="Convert it to onnx or weights, which hold operators instead of layers.",
    )


def _empty(graph: Graph) -> frozenset[str]:
    """The values without elements, where a layer could make one."""
    from interchange.evaluate import infer

    if not any(node.source.partition("(")[2].startswith("Cropping") for node in graph.nodes):
        return frozenset()
    return frozenset(name for name, spec in infer(graph).items() if 0 in spec.shape[1:])


def _zipped(document: dict[str, Any], weights: dict[str, Array], origin: Origin) -> bytes:
    from interchange_keras.export.keras3 import WRITTEN_FOR

    metadata = {"keras_version": WRITTEN_FOR, "date_saved": "1980-01-01@00:00:00"}
    members = {
        "metadata.json": json.dumps(metadata).encode(),
        "config.json": json.dumps(document).encode(),
        "model.weights.h5": _hdf5(weights),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data)
    return buffer.getvalue()


def _hdf5(weights: dict[str, Array]) -> bytes:
    import h5py
    import numpy as np

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for place, array in weights.items():
            if array.dtype.name == "bfloat16":
                file.create_dataset(place, data=array.view("V2")).attrs["dtype"] = "bfloat16"
            else:
                file.create_dataset(place, data=np.asarray(array))
    return buffer.getvalue()
