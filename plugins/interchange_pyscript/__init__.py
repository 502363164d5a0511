"""Scripts: a model as one readable Python file beside its weights, on the standard library alone or on NumPy.

docs/pyscript.md describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Graph
    from interchange.plugins import Model

MARKER = "# A neural network as a Python script, written"  # the first line of every script begins so
PLAIN, FOR_NUMPY, FAST = "", " for NumPy", " in the fast style"  # and ends so


class ScriptExporter:
    """Writes `model.py` and `model.safetensors`; needs nothing but Python 3.9."""

    requires: ClassVar[Mapping[str, str]] = {}
    suffix: ClassVar[str] = ".py"

    def recognises(self, path: Path, head: bytes) -> bool:
        return _is_script(head, PLAIN)

    def save(
        self,
        graph: Graph,
        path: Path,
        *,
        force: bool = False,
        style: str = "plain",
        numpy: bool = False,
        embed: bool = False,
        selftest: bool = True,
    ) -> list[Path]:
        """Writes the script and its weights file; the same graph gives the same bytes.

        Args:
            style: "plain", whose mathematics is there to read, or "fast", which computes in packed integers with the
                precision of float32.
            numpy: compute on NumPy; the script then holds the functions of `interchange.ops`.
            embed: put the weights into the script, as text.
            selftest: put a golden case into the weights file.

        Raises:
            BadInput: (IX102, IX105) a file exists or cannot be written; (IX103) the script's name is no module name.
            Unsupported: (IX303) the graph has something that a script cannot express.
        """
        from interchange_pyscript.export import save

        return save(graph, path, force=force, style=style, numpy=numpy, embed=embed, selftest=selftest)


class NumpyScriptExporter:
    """Writes the same script on NumPy."""

    requires: ClassVar[Mapping[str, str]] = {}
    suffix: ClassVar[str] = ".py"

    def recognises(self, path: Path, head: bytes) -> bool:
        return _is_script(head, FOR_NUMPY)

    def save(
        self, graph: Graph, path: Path, *, force: bool = False, embed: bool = False, selftest: bool = True
    ) -> list[Path]:
        """As `ScriptExporter.save` with `numpy=True`."""
        from interchange_pyscript.export import save

        return save(graph, path, force=force, numpy=True, embed=embed, selftest=selftest)


class FastScriptExporter:
    """Writes the same script in the fast style."""

    requires: ClassVar[Mapping[str, str]] = {}
    suffix: ClassVar[str] = ".py"

    def recognises(self, path: Path, head: bytes) -> bool:
        return _is_script(head, FAST)

    def save(
        self, graph: Graph, path: Path, *, force: bool = False, embed: bool = False, selftest: bool = True
    ) -> list[Path]:
        """As `ScriptExporter.save` with `style="fast"`."""
        from interchange_pyscript.export import save

        return save(graph, path, force=force, style="fast", numpy=False, embed=embed, selftest=selftest)


class ScriptBackend:
    """Runs a script as a user would: in a process of its own, on the standard library alone."""

    requires: ClassVar[Mapping[str, str]] = {}
    artifact: ClassVar[str] = "pyscript"

    def open(self, artifact: Path, *, python: str | None = None) -> AbstractContextManager[Model]:
        """Asks the script for its signature.

        Args:
            python: the interpreter, such as "pypy3"; by default the one that is running.

        Raises:
            EnvironmentLacks: (IX402) there is no such interpreter; (IX404) the script ended without an answer.
        """
        from interchange_pyscript.backend import open_script

        return open_script(artifact, python, ("-I", "-S"))


class FastScriptBackend(ScriptBackend):
    """Runs a script of the fast style in the same way."""

    artifact: ClassVar[str] = "pyscript-fast"


class NumpyScriptBackend:
    """Runs a script on NumPy in a process of its own."""

    requires: ClassVar[Mapping[str, str]] = {"numpy": "numpy"}
    artifact: ClassVar[str] = "pyscript-numpy"

    def open(self, artifact: Path, *, python: str | None = None) -> AbstractContextManager[Model]:
        """As `ScriptBackend.open`."""
        from interchange_pyscript.backend import open_script

        return open_script(artifact, python, ("-I",))


def _is_script(head: bytes, kind: str) -> bool:
    first = head.partition(b"\n")[0].decode("ascii", "replace").rstrip()
    kinds = [suffix for suffix in (FOR_NUMPY, FAST) if first.endswith(suffix)] or [PLAIN]
    return first.startswith(MARKER) and kinds == [kind]
