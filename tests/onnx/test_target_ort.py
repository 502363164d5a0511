"""What releases of ONNX Runtime read: the table, and models that are written for one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import onnxruntime
import pytest
from interchange_onnx import OnnxExporter, OnnxImporter
from interchange_onnx.runtimes import RELEASES, read_by
from interchange_onnx.versions import PIN, history

from interchange.builder import Builder
from interchange.errors import BadInput, Unsupported
from interchange.evaluate import evaluate
from tests.onnx.nets import channels_first_net, random


def exported(graph, path, **options):
    OnnxExporter().save(graph, path, selftest=False, **options)
    return onnx.load(path)


def opset(model):
    return next(entry.version for entry in model.opset_import if entry.domain == "")


def test_a_newer_release_reads_no_less():
    releases = sorted(RELEASES)
    assert list(RELEASES) == releases
    for older, newer in pairwise(releases):
        assert all(a <= b for a, b in zip(RELEASES[older], RELEASES[newer], strict=True))
        assert RELEASES[older] != RELEASES[newer]


def test_what_is_not_in_the_table_reads_what_the_one_before_reads():
    assert read_by("1.16.3") == read_by("1.15") == RELEASES[1, 15]
    assert read_by("2.0") == RELEASES[max(RELEASES)]


def test_the_release_installed_reads_what_the_table_says():
    reads = read_by(onnxruntime.__version__.partition("+")[0])
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [output])
    imports = [onnx.helper.make_opsetid("", reads.opset), onnx.helper.make_opsetid("ai.onnx.ml", reads.ml_opset)]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=reads.ir_version)
    onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize("release", sorted(RELEASES))
def test_a_model_for_each_release(release, tmp_path):
    graph, path = channels_first_net(), tmp_path / "net.onnx"
    name = f"{release[0]}.{release[1]}"
    model = exported(graph, path, target_ort=name)
    assert opset(model) <= RELEASES[release].opset
    assert model.ir_version <= RELEASES[release].ir_version
    feeds = {"x": random(2, 3, 11, 7)}
    again = evaluate(OnnxImporter().load(path), feeds)
    for name, value in evaluate(graph, feeds).items():
        np.testing.assert_allclose(again[name], value, rtol=1e-4, atol=1e-5)


def gelu():
    b = Builder()
    return b.graph([b.add("Gelu", [b.input("x", "float32", (2, 3))], "y")], {"name": "gelu"})


def test_the_operators_in_the_way_are_named(tmp_path):
    with pytest.raises(Unsupported, match="Gelu needs opset 20") as error:
        exported(gelu(), tmp_path / "m.onnx", target_ort="1.16")
    assert error.value.code == "IX303"
    model = exported(gelu(), tmp_path / "m.onnx", target_ort="1.17")
    assert (opset(model), model.ir_version) == (20, 9)


def test_the_ir_version_is_lowered(tmp_path):
    b = Builder()
    graph = b.graph([b.add("Reshape", [b.input("x", "float32", (2, 3)), b.constant("s", np.array([3, 2]))], "y")], {})
    model = exported(graph, tmp_path / "m.onnx", target_ort="1.9", opset=15)
    assert (opset(model), model.ir_version) == (15, 7)


@pytest.mark.parametrize("release", ["1.2", "new", "1", 1.17, ""])
def test_what_is_no_release(release, tmp_path):
    with pytest.raises(BadInput, match="IX103"):
        exported(gelu(), tmp_path / "m.onnx", target_ort=release)


def test_an_opset_that_the_release_does_not_read(tmp_path):
    with pytest.raises(BadInput, match="newest opset is 20"):
        exported(gelu(), tmp_path / "m.onnx", target_ort="1.17", opset=21)


def test_the_history_of_every_operator_is_whole() -> None:
    known: dict[str, list[int]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.since_version <= PIN:
            name = f"{schema.domain}.{schema.name}" if schema.domain else schema.name
            known.setdefault(name, []).append(schema.since_version)
    assert len(known) > 200
    assert {name: [schema.since_version for schema in history(name)] for name in known} == {
        name: sorted(versions) for name, versions in known.items()
    }
    assert history("NoSuchOperator") == ()
