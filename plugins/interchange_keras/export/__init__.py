"""Graph → .keras file that today's Keras 3 opens, for graphs that came from a Keras file of any era."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interchange.errors import Unsupported
from interchange.files import Artifact

if TYPE_CHECKING:
    from interchange.graph import Array, Graph
    from interchange_keras.origin import Origin

DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes


def save(graph: Graph, path: Path, *, force: bool = False) -> list[Path]:
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
        raise Unsupported(
            "IX303",
            "Keras 3 cannot express the model.",
            where=graph.name,
            why=writer.faults,
            next_step="Convert it to onnx or weights, which hold operators instead of layers.",
        )
    with Artifact(force=force) as artifact:
        artifact.write(path, _zipped(document, writer.weights, graph.origin))
    return artifact.paths


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
