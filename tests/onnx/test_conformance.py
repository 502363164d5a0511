"""ONNX's own models, old and new, through the importer: what they compute is what their authors recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter
from interchange_onnxruntime import OnnxRuntimeBackend
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from interchange.errors import Unsupported
from interchange.evaluate import evaluate

# Recorded with pre-release versions of PyTorch: opsets 6 to 9, with what those opsets meant by each operator.
CASES = [case for kind in ("simple", "pytorch-converted", "pytorch-operator") for case in load_model_tests(kind=kind)]
# Two of the nine classic networks, their large weights replaced by a constant; the others take longer.
LIGHT = [
    Path(onnx.__file__).parent / f"backend/test/data/light/light_{name}.onnx" for name in ("resnet50", "shufflenet")
]


def tensors(folder: Path, kind: str) -> list[np.ndarray]:
    count = len(list(folder.glob(f"{kind}_*.pb")))
    return [numpy_helper.to_array(onnx.load_tensor(str(folder / f"{kind}_{i}.pb"))) for i in range(count)]


def assert_computes_what_is_recorded(case, graph, compute):
    sets = sorted(Path(case.model_dir).glob("test_data_set_*"))
    assert sets
    for folder in sets:
        outputs = compute(dict(zip(graph.inputs, tensors(folder, "input"), strict=True)))
        for have, want in zip(outputs.values(), tensors(folder, "output"), strict=True):
            assert (have.dtype, have.shape) == (want.dtype, want.shape)
            if want.dtype.kind == "O":
                np.testing.assert_array_equal(have, want)
            else:
                np.testing.assert_allclose(have, want, rtol=case.rtol, atol=max(case.atol, 1e-6))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, tmp_path):
    try:
        graph = OnnxImporter().load(Path(case.model_dir) / "model.onnx")
    except Unsupported as error:
        pytest.skip(f"{error.code}: {error.why[0]}")
    assert_computes_what_is_recorded(case, graph, lambda feeds: evaluate(graph, feeds))
    path = tmp_path / "again.onnx"
    OnnxExporter().save(graph, path, selftest=False)
    try:
        with OnnxRuntimeBackend().open(path) as model:
            assert_computes_what_is_recorded(case, graph, model)
    except Unsupported as error:  # such as a locale that this machine lacks
        pytest.skip(f"the operators compute it; {error.why[0]}")


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_classic_network(path):
    graph = OnnxImporter().load(path)
    ((name, spec),) = graph.inputs.items()
    size = np.prod(spec.shape, dtype=np.float32)
    x = (np.arange(size, dtype=np.float32) / size).reshape(spec.shape)
    expected = numpy_helper.to_array(onnx.load_tensor(str(path.with_name(f"{path.stem}_output_0.pb"))))
    (output,) = evaluate(graph, {name: x}).values()
    np.testing.assert_allclose(output, expected, rtol=1e-3)
