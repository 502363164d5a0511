"""Real networks through the NumPy runtime against the float64 oracle: those that Keras wrote for the tests, one by one,
and trained models of other people where they are at hand.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from interchange_numpy.model import NumpyModel

from interchange import load
from interchange.errors import BadInput, InterchangeError
from interchange.evaluate import evaluate, probe_sizes, widen
from interchange.golden import case_input
from interchange.graph import Graph
from tests.numpy_runtime.check import Errors

GOLDEN = Path(__file__).parents[1] / "golden"
SHARED = Path(__file__).parents[3] / "shared" / "models"
SUFFIXES = (".h5", ".hdf5", ".keras", ".onnx")

ARCHIVES = sorted(GOLDEN.glob("*/models.tar.xz"))


def compared(graph: Graph) -> bool:
    """Runs a graph on the golden case's inputs; False where there is text among them or the operators refuse them.

    Raises:
        AssertionError: the error is more than rounding, or the runtime takes what the operators refuse.
    """
    if any(spec.dtype in ("str", "object") for spec in graph.inputs.values()):
        return False
    shapes = probe_sizes(graph)
    feeds = {n: case_input(k, s.dtype, tuple(shapes[n])) for k, (n, s) in enumerate(graph.inputs.items())}
    errors, model = Errors(), NumpyModel(graph)
    try:
        native = evaluate(graph, feeds)
    except BadInput as refused:  # one sample, and the model takes the second
        with pytest.raises(BadInput, match=re.escape(str(refused))):
            model(feeds)
        return False
    errors.add(model(feeds), native, evaluate(widen(graph), feeds))
    errors.check()
    return True


def check_all(paths: Iterable[Path]) -> int:
    """How many of these models could be imported and were compared."""
    wrong, count = [], 0
    for path in paths:
        try:
            graph = load(path)
        except InterchangeError:
            continue
        try:
            count += compared(graph)
        except AssertionError as error:
            wrong.append(f"{path.name}: {error}")
    assert not wrong, "\n".join(wrong)
    return count


def models(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.parent.name)
def test_files_of_keras(archive: Path, tmp_path: Path) -> None:
    """Every fifth of them, to be quick."""
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    files = models(tmp_path)[::5]
    assert check_all(files) > len(files) / 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="the models are not here")
def test_trained_models() -> None:
    assert check_all(models(SHARED)) > 120
