"""TensorFlow's SavedModel folders, by way of ONNX: tf2onnx converts in a process of its own.

docs/onnx.md is the guide. TensorFlow is never imported into this process; which signatures there are is read from
the file itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Graph

FILE_NAME = "saved_model.pb"


class SavedModelImporter:
    """Reads a SavedModel folder."""

    requires: ClassVar[Mapping[str, str]] = {
        "tensorflow": "interchange[savedmodel]",
        "tf2onnx": "interchange[savedmodel]",
        "onnx": "interchange[savedmodel]",
    }

    def recognises(self, path: Path, head: bytes) -> bool:
        return not head and path.is_dir() and (path / FILE_NAME).is_file()

    def load(self, path: Path, *, signature: str = "", tag: str = "serve", timeout: float = 600) -> Graph:
        """The graph of one signature; inputs and outputs have its names, in alphabetical order as in TensorFlow.

        Args:
            signature: which one; by default "serving_default", or the only one.
            tag: the tag of the part of the model to read.
            timeout: how many seconds the conversion may take.

        Raises:
            BadInput: (IX103) there is no such tag or signature, or several to choose from; (IX203) the file is damaged.
            Unsupported: (IX301) something in the model cannot be converted.
            EnvironmentLacks: (IX404) the conversion took too long.
        """
        from interchange_savedmodel.convert import load

        return load(path, signature=signature, tag=tag, timeout=timeout)
