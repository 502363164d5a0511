"""ONNX files: read, of any opset, and written, in the lowest opset that has every operator's meaning.

docs/onnx.md is the guide. The package `onnx` is imported only when a file is loaded or saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Graph

PRODUCER = "interchange"
GOLDEN_KEY = "interchange.golden"  # the entry of metadata_props that holds the golden case
EXTERNAL_OVER = 2_000_000_000  # bytes of constants; a protobuf cannot be larger than 2 GiB


class OnnxImporter:
    """Reads an .onnx file."""

    requires: ClassVar[Mapping[str, str]] = {"onnx": "interchange[onnx]"}

    def recognises(self, path: Path, head: bytes) -> bool:
        from interchange_onnx.sniff import is_onnx

        return is_onnx(path, head)

    def load(self, path: Path, **options: Any) -> Graph:
        """The graph, lifted to the pinned opset; constants in external files are memory-mapped.

        Raises:
            BadInput: (IX103) an unknown option; (IX203) the file is damaged; (IX205) it refers to a file elsewhere;
                (IX210) the graph in it is not well formed.
            Unsupported: (IX301) all operators and other things that are not supported, in one error.
        """
        from interchange_onnx.decode import read

        if options:
            from interchange.errors import BadInput

            raise BadInput("IX103", f"The importer 'onnx' has no option {', '.join(options)}.")
        return read(path)


class OnnxExporter:
    """Writes an .onnx file."""

    requires: ClassVar[Mapping[str, str]] = {"onnx": "interchange[onnx]"}
    suffix: ClassVar[str] = ".onnx"

    def recognises(self, path: Path, head: bytes) -> bool:
        from interchange_onnx.sniff import is_onnx

        return is_onnx(path, head)

    def save(
        self,
        graph: Graph,
        path: Path,
        *,
        force: bool = False,
        opset: int | None = None,
        target_ort: str | None = None,
        selftest: bool = True,
        external_over: int = EXTERNAL_OVER,
        dtype: str | None = None,
        fold: bool = True,
        cpu_kernels: bool = True,
    ) -> list[Path]:
        """Writes the graph; the same graph gives the same bytes. Nothing appears before ONNX's checker has passed it.

        Args:
            opset: write this opset; by default the lowest in which every operator means what it means in the graph.
            target_ort: a release of ONNX Runtime ("1.17"): the opset and the IR version are no newer than it reads.
            selftest: put a golden case into the file.
            external_over: with more bytes of constants than this, they go to a second file, `<name>.onnx.data`.
            dtype: "float16": weights and computation in float16 where they are float32; inputs and outputs stay.
            fold: fold batch normalisation into the convolution or product before it.
            cpu_kernels: write float64 and bfloat16 by operators for which ONNX Runtime has kernels on the CPU; without,
                every operator is written as it is.

        Raises:
            BadInput: (IX102, IX105) the target; (IX103) no such opset or release.
            Unsupported: (IX303) all that ONNX, or that opset, cannot express, in one error.
        """
        from interchange_onnx.save import save

        return save(
            graph,
            path,
            force=force,
            opset=opset,
            target_ort=target_ort,
            selftest=selftest,
            external_over=external_over,
            dtype=dtype,
            fold=fold,
            cpu_kernels=cpu_kernels,
        )
