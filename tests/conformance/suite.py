"""The conformance suite that the package `onnx` ships: all its cases, and how a model of one is imported and run."""

from __future__ import annotations

import functools
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from interchange_onnx import OnnxImporter
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from interchange.evaluate import evaluate, widen
from interchange.graph import Graph

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
FOLDER = tempfile.TemporaryDirectory()  # of models that are in memory only
SUITES = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")


@dataclass(frozen=True)
class Case:
    """One test of the suite."""

    suite: str
    name: str
    rtol: float
    atol: float
    source: Any

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        """The file of the model; those of the suite "node" have none."""
        if self.suite == "light":
            return LIGHT / f"light_{self.source.model_name}.onnx"
        return Path(self.source.model_dir) / "model.onnx"

    def model(self) -> onnx.ModelProto:
        return self.source.model if self.suite == "node" else onnx.load(self.path)

    def graph(self) -> Graph:
        """The model, imported as a user would."""
        if self.suite != "node":
            return OnnxImporter().load(self.path)
        path = Path(FOLDER.name) / f"{self.name}.onnx"
        path.write_bytes(self.model().SerializeToString())
        graph = OnnxImporter().load(path)
        path.unlink()
        return graph

    def data(self) -> Iterator[tuple[list[Any], list[Any]]]:
        """Inputs and expected outputs, set by set."""
        if self.suite == "node":
            for inputs, outputs in self.source.data_sets:
                yield list(map(value_of, inputs)), list(map(value_of, outputs))
            return
        model = self.model()
        if self.suite == "light":
            constants = {tensor.name for tensor in model.graph.initializer}
            inputs = [_ramp(value) for value in model.graph.input if value.name not in constants]
            output = onnx.TensorProto.FromString(self.path.with_name(f"{self.path.stem}_output_0.pb").read_bytes())
            yield inputs, [value_of(output)]
            return
        for folder in sorted(Path(self.source.model_dir).glob("test_data_set_*")):
            yield _read(folder, "input", model.graph.input), _read(folder, "output", model.graph.output)
        for path in sorted(Path(self.source.model_dir).glob("test_data_*.npz")):
            with np.load(path, encoding="bytes") as sets:
                yield list(sets["inputs"]), list(sets["outputs"])


@functools.cache
def cases(suite: str) -> dict[str, Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the generators of some cases overflow on purpose
        if suite == "node":
            from onnx.backend.test.case.node import collect_testcases

            tests = collect_testcases(None)
        else:
            tests = load_model_tests(kind={"light": "real"}.get(suite, suite))
    found = (Case(suite, test.name, test.rtol, test.atol, test) for test in tests)
    return {case.name: case for case in found}


def _ramp(value: onnx.ValueInfoProto) -> np.ndarray:
    """The input of the light models: numbers from 0 to 1, in order."""
    shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    size = int(np.prod(shape))
    return (np.arange(size) / size).astype(np.float32).reshape(shape)


def value_of(value: Any) -> Any:
    """A value of a case as ours: arrays, lists of them, None."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.SequenceProto):
        return numpy_helper.to_list(value)
    if isinstance(value, onnx.OptionalProto):
        return value_of(numpy_helper.to_optional(value))
    if value is None or isinstance(value, dict):
        return value
    return [np.asarray(item) for item in value] if isinstance(value, (list, tuple)) else np.asarray(value)


def _read(folder: Path, kind: str, declared: Sequence[onnx.ValueInfoProto]) -> list[Any]:
    paths = [folder / f"{kind}_{i}.pb" for i in range(len(list(folder.glob(f"{kind}_*.pb"))))]
    return [_message(path, value.type) for path, value in zip(paths, declared, strict=False)]


def _message(path: Path, kind: onnx.TypeProto) -> Any:
    messages = {"sequence_type": onnx.SequenceProto, "optional_type": onnx.OptionalProto}
    message = messages.get(kind.WhichOneof("value"), onnx.TensorProto)()
    message.ParseFromString(path.read_bytes())
    return value_of(message)


def assert_passes(case: Case, *, in_float64: bool = False) -> None:
    check_outputs(case, widen(case.graph()) if in_float64 else case.graph(), in_float64=in_float64)


def check_outputs(case: Case, graph: Graph, *, in_float64: bool = False) -> None:
    for inputs, expected in case.data():
        names = list(graph.inputs)
        feeds = dict(zip(names, inputs, strict=False))
        actual = list(evaluate(graph, feeds).values())
        assert len(actual) == len(expected)
        for have, want in zip(actual, expected, strict=True):
            assert_same(have.astype(want.dtype) if in_float64 else have, want, case.rtol, case.atol)


def assert_same(have: Any, want: Any, rtol: float, atol: float) -> None:
    if want is None:
        assert have is None
        return
    if isinstance(want, list):
        assert isinstance(have, list)
        assert len(have) == len(want)
        for one, other in zip(have, want, strict=True):
            assert_same(one, other, rtol, atol)
        return
    if isinstance(want, dict):
        assert have == want
        return
    if want.dtype.kind == "U":
        want = want.astype(object)
    assert (have.dtype, have.shape) == (want.dtype, want.shape)
    if want.dtype.kind not in "fiubcO":  # the small types of ml_dtypes
        rtol = max(rtol, 2**-6) if want.dtype.name == "bfloat16" else rtol
        have, want = have.astype(np.float32), want.astype(np.float32)
    if want.dtype.kind == "O":
        np.testing.assert_array_equal(have, want)
    else:
        np.testing.assert_allclose(have, want, rtol=rtol, atol=atol)
