"""SavedModel -> ONNX in a process of its own -> Graph."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from interchange_onnx import OnnxImporter

from interchange.errors import BadInput, EnvironmentLacks, Unsupported
from interchange.graph import Graph, Node, TensorSpec
from interchange_savedmodel.signatures import MetaGraph, Signature, read

DEFAULT_SIGNATURE = "serving_default"
OPSET = 18  # the newest that tf2onnx writes
MOST_LINES = 5  # of tf2onnx's messages in an error


def load(folder: Path, *, signature: str, tag: str, timeout: float) -> Graph:
    """See `SavedModelImporter.load`."""
    part = _part(read(folder), tag, folder)
    name = _signature_name(part, signature, folder)
    with TemporaryDirectory(prefix="interchange-") as scratch:
        model = Path(scratch, "model.onnx")
        _convert(folder, model, name, tag, timeout)
        graph = OnnxImporter().load(model)
        graph = replace(graph, constants={key: array.copy() for key, array in graph.constants.items()})
    graph = _with_names(graph, part.signatures[name])
    metadata = {"name": folder.resolve().name, "format": "savedmodel", "producer": f"tensorflow {part.tensorflow}"}
    return replace(graph, metadata={**metadata, "signature": name})


def _part(parts: Sequence[MetaGraph], tag: str, folder: Path) -> MetaGraph:
    chosen = [part for part in parts if tag in part.tags]
    if chosen:
        return chosen[0]
    tags = ", ".join(repr(", ".join(part.tags)) for part in parts) or "none"
    raise BadInput(
        "IX103",
        f"The SavedModel has no part with the tag {tag!r}.",
        where=str(folder),
        why=f"tags: {tags}",
        next_step="Choose one with the option `tag`.",
    )


def _signature_name(part: MetaGraph, wanted: str, folder: Path) -> str:
    names = list(part.signatures)
    if wanted in names:
        return wanted
    if not wanted and DEFAULT_SIGNATURE in names:
        return DEFAULT_SIGNATURE
    if not wanted and len(names) == 1:
        return names[0]
    what = f"The SavedModel has no signature {wanted!r}." if wanted else "The SavedModel has no default signature."
    raise BadInput(
        "IX103",
        what,
        where=str(folder),
        why=f"signatures: {', '.join(map(repr, names)) or 'none'}",
        next_step="Choose one with the option `signature`." if names else "Export it again with a signature.",
    )


def _convert(folder: Path, model: Path, signature: str, tag: str, timeout: float) -> None:
    """Runs tf2onnx. TensorFlow's names are kept: tf2onnx fails where an input and an output share a name."""
    options = {"saved-model": folder.resolve(), "output": model, "tag": tag, "signature_def": signature, "opset": OPSET}
    command = [sys.executable, "-m", "tf2onnx.convert", "--use-graph-names"]
    command += [f"--{name}={value}" for name, value in options.items()]
    # No accelerator: nothing is computed but constants, and TensorFlow would take all of its memory.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        done = subprocess.run(
            command,
            cwd=model.parent,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentLacks(
            "IX404",
            f"tf2onnx did not finish within {timeout:g} seconds.",
            where=str(folder),
            next_step="Give it more with the option `timeout`.",
        ) from error
    if done.returncode != 0 or not model.is_file():
        raise Unsupported(
            "IX301",
            "tf2onnx cannot convert this SavedModel.",
            where=str(folder),
            why=_relevant(done.stderr) or f"it ended with the exit code {done.returncode}",
            next_step="If you have the model as .h5 or .keras, read that instead.",
        )


def _relevant(log: str) -> list[str]:
    """The lines of tf2onnx's log that say what went wrong: its errors, and the last line of the traceback."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.partition("ERROR - ")[2] for line in lines if "ERROR - " in line]
    if any(line.startswith("Traceback (") for line in lines):
        raised = [line for line in log.splitlines() if line and not line[0].isspace() and "Error: " in line]
        errors += raised[-1:]
    return list(dict.fromkeys(errors))[:MOST_LINES] or lines[-1:]


def _with_names(graph: Graph, signature: Signature) -> Graph:
    """The graph with the inputs and outputs of the signature, in its order.

    In TensorFlow's graph an input "x" is the tensor "x:0", and the outputs are in the order of their sorted names.
    """
    inputs = _input_names(tuple(graph.inputs), tuple(signature.inputs))
    taken = {*inputs.values(), *graph.constants, *(name for node in graph.nodes for name in node.outputs)}
    names = dict(inputs)
    if len(graph.outputs) == len(signature.outputs):
        for tensor, name in zip(graph.outputs, signature.outputs, strict=True):
            names[tensor] = name if tensor == name else _free(name, taken)
            taken.add(names[tensor])
    specs = {names.get(name, name): _with_own_dimensions(spec) for name, spec in graph.inputs.items()}
    unread = {name: item.spec for name, item in signature.inputs.items() if name not in specs and item.spec}
    specs |= unread
    order = [*(name for name in signature.inputs if name in specs), *(n for n in specs if n not in signature.inputs)]
    return replace(
        graph,
        inputs={name: specs[name] for name in order},
        outputs=tuple(names.get(name, name) for name in graph.outputs),
        nodes=tuple(_renamed(node, names) for node in graph.nodes),
        constants={names.get(name, name): array for name, array in graph.constants.items()},
    )


def _with_own_dimensions(spec: TensorSpec) -> TensorSpec:
    """Without the names that tf2onnx makes up for unknown sizes."""
    made_up = "unk__"
    return TensorSpec(spec.dtype, tuple(None if str(d).startswith(made_up) else d for d in spec.shape))


def _input_names(tensors: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """Tensor -> input of the signature: by name, else, where there are as many of both, by position."""
    by_name = {tensor: tensor.rpartition(":")[0] or tensor for tensor in tensors}
    found = {tensor: name for tensor, name in by_name.items() if name in keys}
    if len(found) < len(tensors) and len(tensors) == len(keys):
        return dict(zip(tensors, keys, strict=True))
    return found


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    inputs = tuple(names.get(name, name) for name in node.inputs)
    return replace(node, inputs=inputs, outputs=tuple(names.get(name, name) for name in node.outputs))


def _free(wish: str, taken: set[str]) -> str:
    """The name, or one like it: in a SavedModel an input and an output may have the same."""
    name, n = wish, 0
    while name in taken:
        n += 1
        name = f"{wish}_{n}"
    return name
