"""Runs ONNX files on ONNX Runtime, on the processor that was asked for or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from interchange.plugins import Finding, Model


class OnnxRuntimeBackend:
    """An ONNX file on ONNX Runtime."""

    requires: ClassVar[Mapping[str, str]] = {"onnxruntime": "interchange[onnxruntime]"}
    artifact: ClassVar[str] = "onnx"

    @contextmanager
    def open(
        self,
        artifact: Path,
        *,
        provider: str = "cpu",
        threads: int | None = None,
        optimization: str = "all",
        tf32: bool = False,
        cpu_nodes: bool = True,
    ) -> Iterator[Model]:
        """Opens a session.

        Args:
            provider: "cpu", "cuda", "tensorrt" …, or ONNX Runtime's own name ("CUDAExecutionProvider").
            threads: how many for one operator; by default ONNX Runtime decides.
            optimization: "all", "extended", "basic" or "disable".
            tf32: on CUDA, allow products in TensorFloat-32, which have 10 bits instead of 23.
            cpu_nodes: whether operators for which another provider than "cpu" has no kernel may run on the CPU, as
                those on shapes do; `Model.provider` tells how many.

        Raises:
            BadInput: (IX103) an option has no such value; (IX203) this is not a whole ONNX model.
            Unsupported: (IX301) ONNX Runtime has not all that the model needs.
            EnvironmentLacks: (IX402) the provider cannot be had; what is missing is named.
        """
        from interchange_onnxruntime.session import open_session

        yield open_session(artifact, provider, threads, optimization, tf32=tf32, cpu_nodes=cpu_nodes)

    def diagnose(self) -> Iterable[Finding]:
        """Which packages are installed, and which providers run a model."""
        from interchange_onnxruntime.diagnosis import findings

        return findings()
