"""Writes the files of a script."""

from __future__ import annotations

from pathlib import Path

from interchange_weights.format import to_bytes

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
    weights = to_bytes(program.graph if program else graph, selftest=selftest)
    text = script_text(graph, path.stem, weights, numpy=numpy, embed=embed, program=program)
    with Artifact(force=force) as artifact:
        artifact.write(path, text.encode())
        if not embed:
            artifact.write(path.with_suffix(".safetensors"), weights)
    return artifact.paths
