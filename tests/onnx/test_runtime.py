"""The ONNX Runtime backend: strict about providers, its errors are ours."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from interchange_onnx import OnnxExporter
from interchange_onnxruntime import OnnxRuntimeBackend, session

from interchange.builder import Builder
from interchange.errors import BadInput, EnvironmentLacks, Unsupported
from interchange.evaluate import evaluate
from interchange.graph import TensorSpec, dtype_of
from tests.onnx.nets import channels_first_net, random


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("runtime") / "net.onnx"
    OnnxExporter().save(channels_first_net(), path)
    return path


def run(path, feeds, **options):
    with OnnxRuntimeBackend().open(path, **options) as model:
        return model(feeds)


def test_cpu(path):
    feeds = {"x": random(2, 3, 11, 7)}
    with OnnxRuntimeBackend().open(path) as model:
        assert model.provider == f"ONNX Runtime {ort.__version__}, CPUExecutionProvider"
        assert dict(model.inputs) == {"x": TensorSpec("float32", ("batch", 3, 11, 7))}
        outputs = model(feeds)
    np.testing.assert_allclose(outputs["y"], evaluate(channels_first_net(), feeds)["y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{"threads": 1}, {"optimization": "basic"}, {"provider": "CPUExecutionProvider"}])
def test_options(path, options):
    assert run(path, {"x": random(1, 3, 11, 7)}, **options)["y"].shape == (1, 4)


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"threads": "x"}, {"optimization": "most"}, {"provider": "gpu"}, {"provider": 1}]
)
def test_options_that_are_none(path, options):
    with pytest.raises(BadInput, match="IX103"):
        run(path, {}, **options)


def test_a_provider_that_the_package_does_not_have(path, monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(session, "_installed", {"onnxruntime": "1.31.1"}.get)
    with pytest.raises(EnvironmentLacks) as error:
        run(path, {}, provider="cuda")
    assert error.value.code == "IX402"
    assert "onnxruntime-gpu is not installed" in str(error.value)


def test_both_packages_installed(path, monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(session, "_installed", lambda name: "1.31.1")
    with pytest.raises(EnvironmentLacks, match="overwrite each other"):
        run(path, {}, provider="cuda")


class FellBack:
    """A session that was asked for CUDA and took the CPU."""

    def get_providers(self):
        return ["CPUExecutionProvider"]


def test_a_provider_that_fails_to_start_is_never_replaced(path, monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", lambda *args, **kwargs: FellBack())
    with pytest.raises(EnvironmentLacks) as error:
        run(path, {}, provider="cuda")
    assert error.value.code == "IX402"


def test_the_missing_library_is_named(tmp_path, monkeypatch):
    library = tmp_path / "capi" / "libonnxruntime_providers_cuda.so"
    library.parent.mkdir()
    library.write_bytes(b"no library")
    monkeypatch.setattr(ort, "__file__", str(tmp_path / "__init__.py"))
    (fault,) = session._library_faults("CUDAExecutionProvider")
    assert "libonnxruntime_providers_cuda.so" in fault


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"x": random(2, 3)},
        {"x": random(2, 4, 11, 7)},
        {"x": random(2, 3, 11, 7).astype(np.float64)},
        {"x": random(2, 3, 11, 7), "z": random(1)},
    ],
)
def test_feeds_that_do_not_fit(path, feeds):
    with pytest.raises(BadInput, match="IX212"):
        run(path, feeds)


@pytest.mark.parametrize("data", [b"", b"no model", b"\x08\x08\x3a\x00"])
def test_files_that_are_no_models(data, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="IX203"):
        run(path, {})


def test_an_operator_newer_than_the_runtime(tmp_path):
    b = Builder()
    x = b.input("x", "float32", (2, 3))
    path = tmp_path / "m.onnx"
    OnnxExporter().save(b.graph([b.add("SwiGLU", [x, x], "y")], {}), path)  # opset 28
    with pytest.raises(Unsupported, match="IX301"):
        run(path, {"x": random(2, 3)})


def test_a_type_that_the_binding_cannot_give(tmp_path):
    b = Builder()
    y = b.add("Cast", [b.input("x", "float32", (2, 3))], "y", to="float8_e5m2")
    path = tmp_path / "m.onnx"
    OnnxExporter().save(b.graph([y], {}), path)
    with pytest.raises(Unsupported, match="float8e5m2"):
        run(path, {"x": random(2, 3)})


@pytest.mark.parametrize(
    ("op", "shapes", "told"),
    [
        ("Conv", [(1, 2, 5), (3, 2, 2)], "no kernel for Conv with inputs of float64"),
        ("PRelu", [(2, 3), (3,)], "no kernel for PRelu with inputs of float64"),
        ("Gelu", [(2, 3)], "no kernel for Erf"),
    ],
)
def test_a_dtype_for_which_the_runtime_has_no_kernel(op, shapes, told, tmp_path):
    b = Builder()
    names = [b.input("x", "float64", shapes[0]), *(b.constant("c", np.ones(shape)) for shape in shapes[1:])]
    path = tmp_path / "m.onnx"
    OnnxExporter().save(b.graph([b.add(op, names, "y")], {}), path, cpu_kernels=False)
    with pytest.raises(Unsupported) as error:
        run(path, {"x": np.ones(shapes[0])})
    assert error.value.code == "IX301"
    assert error.value.exit_code == 3
    assert told in str(error.value)


def test_nothing_is_printed(path, tmp_path, capfd):
    run(path, {"x": random(1, 3, 11, 7)})
    with pytest.raises(BadInput):
        run(path, {"x": random(1, 3, 11, 8)})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3)])
def test_bfloat16_goes_in_and_comes_out(shape, tmp_path):
    b = Builder()
    x, z = b.input("x", "bfloat16", shape), b.input("z", "float32", shape)
    graph = b.graph([b.add("Neg", [x], "y"), b.add("Neg", [z], "w")], {})
    path = tmp_path / "m.onnx"
    OnnxExporter().save(graph, path)
    values = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) / 3
    made = run(path, {"x": values.astype(dtype_of("bfloat16")), "z": values})
    assert {name: (y.dtype.name, y.shape) for name, y in made.items()} == {
        "y": ("bfloat16", shape),
        "w": ("float32", shape),
    }
    np.testing.assert_array_equal(made["y"], -values.astype(dtype_of("bfloat16")))
    np.testing.assert_array_equal(made["w"], -values)


def test_bound_inputs_and_outputs(tmp_path):
    """As for providers with a memory of their own; here on the CPU."""
    path = OnnxExporter().save(channels_first_net(), tmp_path / "m.onnx")[0]
    feeds = {"x": random(4, 3, 11, 7)[::2]}  # not contiguous
    plain = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    bound = session.SessionModel(plain, "CPUExecutionProvider", binds=True)
    for _ in range(2):
        have = bound(feeds)
        assert list(have) == ["y"]
        np.testing.assert_array_equal(have["y"], plain.run(None, feeds)[0])
    with pytest.raises(BadInput, match="IX212"):
        bound({"x": random(2, 3, 11, 5)[..., :0]})
