"""Writes the files of an ONNX model."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from interchange.errors import BadInput, InterchangeError
from interchange.files import Artifact
from interchange.golden import Case, make_case
from interchange.graph import Graph
from interchange_onnx.encode import External, check, checkable, encode, lowered, offsets_of
from interchange_onnx.folding import batch_norm_folded
from interchange_onnx.half import in_float16
from interchange_onnx.runtimes import fitted, read_by
from interchange_onnx.stream import checkable_without, write_model

if TYPE_CHECKING:
    from onnx import ModelProto


def save(
    graph: Graph,
    path: Path,
    *,
    force: bool,
    opset: int | None,
    target_ort: str | None,
    selftest: bool,
    external_over: int,
    dtype: str | None,
    fold: bool,
    cpu_kernels: bool,
) -> list[Path]:
    """See `OnnxExporter.save`."""
    _check_target(opset, target_ort)
    if dtype not in (None, "float16"):
        raise BadInput("IX103", f"The exporter 'onnx' writes no {dtype!r}.", why='dtype is "float16", or not given')
    if not isinstance(external_over, (int, float)):
        raise BadInput("IX103", f"external_over is {external_over!r}.", why="it has to be a number of bytes")
    folded = batch_norm_folded(graph) if fold else graph
    if dtype is not None:
        graph = folded = in_float16(folded)
    case = _case(graph) if selftest else None
    graph = lowered(folded, cpu_kernels=cpu_kernels)
    is_large = sum(array.nbytes for array in graph.constants.values()) > external_over
    with Artifact(force=force) as artifact:
        if is_large:
            _save_large(graph, path, artifact, opset, target_ort, case)
        else:
            _save_one(graph, path, artifact, opset, target_ort, case)
    return artifact.paths


def _case(graph: Graph) -> Case | None:
    try:
        return make_case(graph)
    except InterchangeError:  # a graph that NumPy cannot compute is exported without a test
        return None


def _bytes(model: ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def _check_target(opset: int | None, target_ort: str | None) -> None:
    if target_ort is None:
        return
    newest = read_by(target_ort).opset
    if isinstance(opset, int) and opset > newest:
        raise BadInput(
            "IX103", f"ONNX Runtime {target_ort} does not read opset {opset}.", why=f"its newest opset is {newest}"
        )


def _encoded(
    graph: Graph, opset: int | None, target_ort: str | None, case: Case | None, external: External | None = None
) -> ModelProto:
    """The model in the opset asked for, or in the lowest; for a release of ONNX Runtime no newer than this reads."""
    if target_ort is None:
        return encode(graph, opset=opset, case=case, external=external)
    newest = read_by(target_ort).opset
    model = encode(graph, opset=opset, case=case, external=external)
    if any(entry.domain == "" and entry.version > newest for entry in model.opset_import):
        model = encode(graph, opset=newest, case=case, external=external)
    return fitted(model, target_ort)


def _save_one(
    graph: Graph, path: Path, artifact: Artifact, opset: int | None, target_ort: str | None, case: Case | None
) -> None:
    """One file. Large constants are never in a message in memory, unless onnx has to turn it into an older opset."""
    is_streamed = opset is None and target_ort is None
    large = {name: graph.constants[name] for name in offsets_of(graph.constants)} if is_streamed else {}
    model = _encoded(graph, opset, target_ort, case, External("", dict.fromkeys(large, 0)))
    check(checkable(checkable_without(model, large)))
    with artifact.open(path) as file:
        write_model(model, large, file)


def _save_large(
    graph: Graph, path: Path, artifact: Artifact, opset: int | None, target_ort: str | None, case: Case | None
) -> None:
    """Both files, made and checked under their own names in a folder of their own: one refers to the other."""
    data_path = path.with_name(f"{path.name}.data")
    targets = [(path, artifact.reserve(path)), (data_path, artifact.reserve(data_path))]
    offsets = offsets_of(graph.constants)
    model = _encoded(graph, opset, target_ort, case, External(data_path.name, offsets))
    with TemporaryDirectory(prefix=".interchange-", dir=path.parent) as folder:
        model_path = Path(folder, path.name)
        model_path.write_bytes(_bytes(checkable(model)))
        with Path(folder, data_path.name).open("wb") as file:
            for name, offset in offsets.items():
                file.write(b"\0" * (offset - file.tell()))
                file.write(np.ascontiguousarray(graph.constants[name]).view(np.uint8).data)
        check(str(model_path))
        model_path.write_bytes(_bytes(model))
        for target, temporary in targets:
            os.replace(Path(folder, target.name), temporary)
