"""Writes the files of a script."""

from __future__ import annotations

import mmap
from pathlib import Path

from interchange_weights.format import to_bytes, write

from interchange.errors import BadInput
from interchange.files import Artifact, safe_stem
from interchange.graph import Graph
from interchange_pyscript.script import script_text

STYLES = ("plain", "fast")


def save(
    graph: Graph, path: Path, *, force: bool, numpy: bool, embed: bool, selftest: bool, style: str = "plain"
) -> list[Path]:
    """See `ScriptExporter.save`."""
    if style not in STYLES or (numpy and style != "plain"):
        raise BadInput(
            "IX103",
            f"{style!r} is not a style{' on NumPy' if numpy else ''}.",
            where=str(path),
            next_step=f"Choose one of {', '.join(STYLES)}; with NumPy there is one style.",
        )
    if path.stem != safe_stem(path.stem):
        raise BadInput(
            "IX103",
            f"{path.name!r} cannot be imported as a module, or hides one that Python needs.",
            where=str(path),
            next_step=f"Choose another name of letters, digits and underscores, such as {safe_stem(path.stem)}.py.",
        )
    program = None
    if style == "fast":
        from interchange_pyscript.fast.plan import plan

        program = plan(graph)
    constants = program.graph if program else graph
    with Artifact(force=force) as artifact, artifact.open(path) as script:
        if embed:
            content = to_bytes(constants, selftest=selftest)
            text = script_text(graph, path.stem, content, numpy=numpy, embed=True, program=program)
        else:
            with artifact.reserve(path.with_suffix(".safetensors")).open("w+b") as file:
                write(constants, file, selftest=selftest)
                file.flush()
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    text = script_text(graph, path.stem, mapped, numpy=numpy, embed=False, program=program)
        script.write(text.encode())
    return artifact.paths
