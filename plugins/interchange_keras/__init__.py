"""Keras files (.h5, .keras) → Graph, without Keras or TensorFlow; and a backend that runs them in Keras itself.

For plugins with layers of their own (entry-point group `interchange.keras_layers`):

    from interchange_keras.layer import Layer, weights

    @weights("kernel", "bias:use_bias")
    def scaled_dense(layer: Layer, x: str, *, units: int, scale: float = 1.0, use_bias: bool = True) -> str:
        y = layer.add("MatMul", x, layer.weight("kernel"))
        y = layer.add("Mul", y, scale)
        return layer.add("Add", y, layer.weight("bias")) if use_bias else y

docs/keras.md says what is read.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from interchange.graph import Graph
    from interchange.plugins import Code, Model

ARCHITECTURE = "config.json"
WEIGHTS = "model.weights.h5"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
MOST_USER_BLOCK = 1 << 20


class KerasImporter:
    """Reads models: .h5 of Keras 1, 2 and 3, and .keras; and files of weights, with the architecture from another."""

    requires: ClassVar[Mapping[str, str]] = {"h5py": "h5py"}

    def recognises(self, path: Path, head: bytes) -> bool:
        return is_keras_file(path, head)

    def load(self, path: Path, **options: Any) -> Graph:
        """The model as a graph. Nothing in the file is executed.

        Args:
            layers: functions for layers that the importer does not know, or shall read in another way, by the layer's
                name or its class: `{"lambda_1": my_function}`; the text "package.module:function" is imported.
            backend: the Keras backend to read the file by ("theano"), whatever the file says.
            data_format: "channels_first" or "channels_last", for layers of Keras 1 where nothing in the file says it.
            tensorflow: the version of TensorFlow that wrote the file ("2.1"), where several wrote its `keras_version`.
            architecture: a file with the architecture, where this one holds weights only: the JSON of model.to_json(),
                or a whole model. It is taken instead of the one in this file, if there is one.

        Raises:
            BadInput: (IX103) an unknown option; (IX203, IX204, IX205, IX206) the file cannot be used; (IX207) the
                weights do not fit the layers.
            Unsupported: (IX301, IX302) all layers and options that cannot be converted.
        """
        from interchange_keras.convert import load

        known: Mapping[str, Callable[..., Any]] = {
            "layers": dict,
            "backend": str,
            "architecture": str,
            "data_format": str,
            "tensorflow": str,
        }
        unknown = [name for name in options if name not in known]
        if unknown:
            from interchange.errors import BadInput

            raise BadInput(
                "IX103",
                f"The importer 'keras' has no option {', '.join(unknown)}.",
                why=f"it has {', '.join(known)}",
            )
        return load(Path(path), **options)

    def scan(self, path: Path) -> list[Code]:
        """What in the file would be code elsewhere: bytecode, classes and functions of others, pickles.

        Raises:
            BadInput: the file cannot be used, as for `load`.
        """
        from interchange_keras.scan import scan

        return scan(Path(path))


class KerasExporter:
    """Writes a .keras file that today's Keras 3 opens, from a graph that came from a Keras file of any era."""

    requires: ClassVar[Mapping[str, str]] = {"h5py": "h5py"}
    suffix: ClassVar[str] = ".keras"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Never: a .keras file is a model, whoever wrote it."""
        return False

    def save(self, graph: Graph, path: Path, *, force: bool = False, selftest: bool = True) -> list[Path]:
        """Writes the model with Keras 3's layers, names and weights. The meanings of its era are kept.

        Nothing appears before the file, read as one of Keras 3, has given outputs of the same dtypes and shapes.

        Args:
            selftest: the outputs of the golden case have to be the same, too.

        Raises:
            Unsupported: (IX303) the graph does not come from a Keras file; or Keras 3 has no such layers, all of them;
                or it would compute something else.
        """
        from interchange_keras.export import save

        return save(graph, path, force=force, selftest=selftest)


class KerasBackend:
    """Runs a Keras file in Keras: the reference that the verifier prefers."""

    requires: ClassVar[Mapping[str, str]] = {"keras": "keras", "tensorflow": "tensorflow"}
    artifact: ClassVar[str] = "source"

    def open(self, artifact: Path, **options: Any) -> AbstractContextManager[Model]:
        """Loads the file in the Keras of its era (compile=False, safe_mode=True), on the CPU.

        Raises:
            BadInput: (IX103) an unknown option; or the file cannot be used.
            EnvironmentLacks: (IX401) the Keras that could open it is not installed.
            Unsupported: (IX301) Keras cannot open the file, or would compute something else than its author's Keras.
        """
        from interchange_keras.backend import open_in_keras

        if options:
            from interchange.errors import BadInput

            raise BadInput("IX103", f"The backend 'keras' has no option {', '.join(options)}.")
        return open_in_keras(Path(artifact))


def is_keras_file(path: Path, head: bytes) -> bool:
    """Whether a file is HDF5 or a zip as Keras writes it, by its content. Never raises."""
    try:
        return _is_keras_zip(path, head) if head.startswith(b"PK\x03\x04") else bool(head) and _is_hdf5(path, head)
    except (OSError, ValueError, RuntimeError, NotImplementedError):
        return False


def _is_keras_zip(path: Path, head: bytes) -> bool:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except zipfile.BadZipFile:
        return begins_as_keras_zip(head)  # truncated
    return ARCHITECTURE in names and bool(names & {"metadata.json", WEIGHTS})


def begins_as_keras_zip(head: bytes) -> bool:
    """Whether the first member of a zip file, whose name stands in its header from byte 30 on, is one of Keras's."""
    return head.startswith(b"PK\x03\x04") and head[30:].startswith((b"metadata.json", b"config.json", WEIGHTS.encode()))


def _is_hdf5(path: Path, head: bytes) -> bool:
    """The signature stands at 0, or at 512, 1024, 2048 … after a user block."""
    if head.startswith(HDF5_MAGIC):
        return True
    with path.open("rb") as file:
        offset = 512
        while offset <= MOST_USER_BLOCK:
            file.seek(offset)
            found = file.read(len(HDF5_MAGIC))
            if found == HDF5_MAGIC or len(found) < len(HDF5_MAGIC):
                return found == HDF5_MAGIC
            offset *= 2
    return False
