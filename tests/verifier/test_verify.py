"""References, options, judgement and limits of a verification."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import interchange
from interchange.builder import Builder
from interchange.errors import BadInput, EnvironmentLacks
from interchange.evaluate import evaluate
from interchange.graph import Graph, TensorSpec
from interchange.verifier import names
from interchange.verifier.report import Report
from interchange.verifier.run import verify


def linear_model() -> Graph:
    """y = 1 * x."""
    b = Builder()
    x = b.input("x", "float32", (None, 1))
    y = b.add("MatMul", [x, b.constant("one", np.ones((1, 1), np.float32))], "y", source="dense")
    return b.graph([y], {"name": "linear"})


def write(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_float64_is_the_reference_where_there_is_nothing_else(toy: Graph, data: Path) -> None:
    report = verify(toy, data, backends=["numpy"])
    assert report.agreed
    assert report.reference.name == "float64"
    assert [name for name, _ in report.reference.passed_over] == ["source framework", "golden"]
    assert [output.decision for output in report.outputs] == ["argmax", "", "threshold"]
    assert report.testset.used == 37
    assert report.outputs[0].floor > 0


def test_golden_is_preferred_and_float64_can_be_forced(toy: Graph, data: Path, tmp_path: Path) -> None:
    x = np.load(data)["x"]
    golden = {f"golden/{name}": y for name, y in evaluate(toy, {"x": x}).items()}
    path = write(tmp_path / "t.npz", x=x, **golden)
    assert verify(toy, path, backends=["numpy"]).reference.name == "golden"
    assert verify(toy, path, backends=["numpy"], reference="float64").reference.name == "float64"
    assert verify(toy, path, backends=["numpy"], reference="oracle").reference.name == "float64"


def test_wrong_golden_outputs_point_at_the_import(toy: Graph, data: Path, tmp_path: Path) -> None:
    x = np.load(data)["x"]
    golden = {f"golden/{name}": y + np.float32(0.1) for name, y in evaluate(toy, {"x": x}).items()}
    report = verify(toy, write(tmp_path / "t.npz", x=x, **golden), backends=["numpy"])
    assert not report.agreed
    assert any("look at the import" in finding for finding in report.findings)


def test_golden_outputs_of_other_names(toy: Graph, data: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "t.npz", x=np.load(data)["x"], **{"golden/other": np.zeros((37, 4))})
    with pytest.raises(BadInput, match="IX221") as caught:
        verify(toy, path, backends=["numpy"])
    assert len(caught.value.why) == 4
    with pytest.raises(BadInput, match="IX103"):
        verify(toy, data, backends=["numpy"], reference="golden")


def test_a_backend_as_reference(toy: Graph, data: Path) -> None:
    report = verify(toy, data, backends=["numpy"], reference="sabotage:Wide")
    assert report.agreed
    assert report.reference.name == "sabotage:Wide"
    spoilt = verify(toy, data, backends=["numpy"], reference="sabotage:Bias")
    assert not spoilt.agreed
    with pytest.raises(EnvironmentLacks, match="IX404"):
        verify(toy, data, backends=["numpy"], reference="sabotage:Crash")


def test_all_backends_by_default(toy: Graph, data: Path) -> None:
    report = verify(toy, data, limit=3)
    assert "numpy" in [backend.name for backend in report.backends]
    assert report.testset.used == 3
    keras = [reason for name, reason in report.not_run if name == "keras"]
    assert keras
    assert report.agreed


def test_the_api_and_a_model_file(toy: Graph, data: Path, tmp_path: Path) -> None:
    (path,) = interchange.save(toy, tmp_path / "m.safetensors", to="weights")
    steps: list[tuple[str, int, int]] = []
    report = interchange.verify(path, data, backends=["numpy"], progress=lambda *step: steps.append(step))
    assert report.agreed
    assert ("numpy", 2, 2) in steps
    assert report.command == f"interchange verify {path} {data} --backend numpy"
    assert report.model.format == "weights"


@pytest.mark.parametrize("options", [{"rtol": -1}, {"atol": np.nan}, {"limit": 0}, {"batch_size": 0}, {"timeout": 0}])
def test_options_that_cannot_be_used(toy: Graph, data: Path, options: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="IX103"):
        verify(toy, data, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("backends", [[], ["numpy", "numpy"], [":a=1"], ["numpy:a=1,b"], ["numpy:nothing=1"]])
def test_backends_that_cannot_be_understood(toy: Graph, data: Path, backends: list[str]) -> None:
    with pytest.raises(BadInput, match="IX103"):
        verify(toy, data, backends=backends)


def test_backends_that_do_not_exist(toy: Graph, data: Path) -> None:
    with pytest.raises(BadInput, match="IX104"):
        verify(toy, data, backends=["nothing"])
    for name in ("sabotage:Nothing", "no_such_module:Class", "sabotage:Path"):
        with pytest.raises(EnvironmentLacks, match="IX403"):
            verify(toy, data, backends=[name])


def test_names_with_options() -> None:
    found = names.parse("onnxruntime:provider=cuda,threads=2,fast=true,x=0.5", {"onnxruntime": {"tf32": False}})
    assert found.target == "onnxruntime"
    assert found.options == {"tf32": False, "provider": "cuda", "threads": 2, "fast": True, "x": 0.5}
    assert names.parse("a.b:Class:k=v", {}).target == "a.b:Class"
    assert names.parse("a.b:Class", {}).options == {}


def test_blunt_tolerances_replace_the_verdict(toy: Graph, data: Path) -> None:
    report = verify(toy, data, backends=["sabotage:Bias", "sabotage:OneNaN"], rtol=0.01)
    bias, nan = report.backends
    assert (bias.status, bias.agreed) == ("within", True)
    assert nan.status == "failed"
    strict = verify(toy, data, backends=["sabotage:Bias"], atol=1e-9)
    assert strict.backends[0].status == "outside"


@pytest.mark.parametrize("name", ["numpy", "sabotage:PaddingOffByOne"])
def test_batch_size_does_not_change_the_result(toy: Graph, data: Path, name: str) -> None:
    reports = [verify(toy, data, backends=[name], batch_size=size) for size in (1, 7, 32)]
    results = [report.backends[0] for report in reports]
    assert len({result.status for result in results}) == 1
    assert len({tuple((d.same, d.ties, d.accuracy) for d in result.decisions) for result in results}) == 1
    if name == "numpy":
        return
    largest = [[output.error.max for output in result.outputs] for result in results]
    np.testing.assert_allclose(largest[1:], largest[:1] * 2, rtol=1e-4)
    assert len({result.outputs[0].error.worst[0][0] for result in results}) == 1


def test_a_fixed_batch_size(toy: Graph, tmp_path: Path) -> None:
    fixed = dataclasses.replace(toy, inputs={"x": TensorSpec("float32", (4, 12, 7, 3))})
    x = np.random.default_rng(0).normal(size=(10, 12, 7, 3)).astype(np.float32)
    path = write(tmp_path / "t.npz", x=x)
    with pytest.raises(BadInput, match="--limit 8"):
        verify(fixed, path, backends=["numpy"])
    assert verify(fixed, path, backends=["numpy"], limit=8).agreed


def test_layers_name_the_guilty_one(toy: Graph, data: Path) -> None:
    report = verify(toy, data, backends=["numpy", "sabotage:PaddingOffByOne", "sabotage:Raises"], layers=True)
    assert report.layers is not None
    assert report.layers.guilty["sabotage:PaddingOffByOne"] == ("conv (Conv2D)",)
    assert report.layers.guilty["numpy"] == ()
    assert report.layers.sample == report.backends[1].outputs[0].error.worst[0][0] or report.layers.sample < 37
    assert [row.layer for row in report.layers.rows][:3] == ["conv (Conv2D)", "relu (ReLU)", "pool (Pooling)"]
    relu = report.layers.rows[1]
    assert relu.own <= relu.inherited
    assert any("the error begins in conv (Conv2D)" in finding for finding in report.findings)
    assert "conv (Conv2D)" in str(report)


def test_layers_are_suggested(toy: Graph, data: Path) -> None:
    assert any("--layers" in finding for finding in verify(toy, data, backends=["sabotage:Bias"]).findings)


# --- decisions ------------------------------------------------------------------------------------------------------


def test_a_flip_within_rounding_is_a_tie(tmp_path: Path) -> None:
    """One sample lies exactly between two whole numbers; a bias of one unit in the last place moves it."""
    values = np.array([[3.0], [0.49999997], [1.2], [7.9]], np.float32)
    path = write(tmp_path / "t.npz", x=values, target=np.array([3, 0, 1, 8]))
    report = verify(linear_model(), path, backends=["sabotage:OneUnit"])
    (result,) = report.backends
    assert result.decisions[0].kind == "round"
    assert (result.decisions[0].same, result.decisions[0].ties) == (3, 1)
    assert result.decisions[0].flips[0].tie
    assert report.agreed


def test_a_flip_beyond_rounding_fails_whatever_the_tolerance(tmp_path: Path) -> None:
    values = np.array([[3.0], [0.499], [1.2], [7.9]], np.float32)
    path = write(tmp_path / "t.npz", x=values, target=np.array([3, 0, 1, 8]))
    report = verify(linear_model(), path, backends=["sabotage:Bias"], backend_options={}, atol=0.1)
    assert report.agreed
    shifted = verify(linear_model(), path, backends=["sabotage:Shift"], atol=0.1)
    (result,) = shifted.backends
    assert (result.status, result.agreed, result.decisions[0].wrong) == ("within", False, 1)
    assert "decides otherwise" in str(shifted)


def test_accuracy_and_mean_absolute_error(tmp_path: Path) -> None:
    path = write(tmp_path / "t.npz", x=np.array([[3.25], [0.0]], np.float32), target=np.array([3, 5]))
    (result,) = verify(linear_model(), path, backends=["numpy"]).backends
    assert result.decisions[0].accuracy == 0.5
    assert result.decisions[0].mean_absolute_error == pytest.approx((0.25 + 5) / 2)


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ('decision = "argmax"', "has one value only"),
        ('labels = ["a", "b"]', ""),
    ],
)
def test_decisions_that_do_not_fit(tmp_path: Path, toml: str, fault: str) -> None:
    path = write(tmp_path / "t.npz", x=np.zeros((2, 1), np.float32), target=np.array([0, 1]))
    (tmp_path / "testset.toml").write_text(f"version = 1\n{toml}\n")
    if not fault:
        assert verify(linear_model(), path, backends=["numpy"]).agreed
        return
    with pytest.raises(BadInput, match=fault):
        verify(linear_model(), path, backends=["numpy"])


def test_labels_and_targets_must_fit_the_classes(toy: Graph, data: Path, tmp_path: Path) -> None:
    arrays = {"x": np.load(data)["x"], "target": np.full(37, 9)}
    with pytest.raises(BadInput, match="has 4 classes"):
        verify(toy, write(tmp_path / "t.npz", **arrays), backends=["numpy"])
    (tmp_path / "testset.toml").write_text('version = 1\nlabels = ["a", "b"]\n')
    with pytest.raises(BadInput, match="there are 2 labels"):
        verify(toy, write(tmp_path / "t.npz", x=arrays["x"]), backends=["numpy"])


def test_the_model_says_labels_and_decision(toy: Graph, data: Path) -> None:
    told = toy.with_metadata(labels=json.dumps(["a", "b", "c", "d"]), decision="none")
    report: Report = verify(told, data, backends=["numpy"])
    assert report.testset.labels == ("a", "b", "c", "d")
    assert report.outputs[0].decision == ""


# --- what is not a plain float ---------------------------------------------------------------------------------------


def one_node(op: str, dtype: str = "float32", **attributes: object) -> Graph:
    b = Builder()
    x = b.input("x", dtype, (None, 3))
    return b.graph([b.add(op, [x], "y", source=op, **attributes)], {"name": "one"})


def test_overflow_of_the_model_itself_is_what_is_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.npz", x=np.array([[1.0, 100.0, -100.0]], np.float32))
    report = verify(one_node("Exp"), path, backends=["numpy"])
    assert report.agreed, str(report)
    assert report.outputs[0].floor < 1


def test_integers_must_be_equal(tmp_path: Path) -> None:
    path = write(tmp_path / "t.npz", x=np.array([[1.0, 3.0, 2.0], [5.0, 3.0, 2.0]], np.float32))
    report = verify(one_node("ArgMax", axis=1), path, backends=["numpy", "sabotage:PlusOne"])
    assert [backend.status for backend in report.backends] == ["rounding", "wrong"]
    assert report.outputs[0].floor == 0


def test_nan_on_both_sides_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "t.npz", x=np.array([[-1.0, 4.0, 9.0]], np.float32))
    report = verify(one_node("Sqrt"), path, backends=["numpy"])
    assert report.agreed
    assert report.backends[0].outputs[0].not_finite == 1
    assert any("1 value is NaN or infinite on both sides" in finding for finding in report.findings)


@pytest.mark.parametrize("tolerances", [{}, {"rtol": 1.0}])
@pytest.mark.parametrize(("op", "value"), [("Sqrt", -1.0), ("Exp", 1000.0)])
def test_what_is_never_finite_proves_nothing(
    tmp_path: Path, op: str, value: float, tolerances: dict[str, float]
) -> None:
    path = write(tmp_path / "t.npz", x=np.full((40, 3), value, np.float32))
    report = verify(one_node(op), path, backends=["numpy"], **tolerances)  # type: ignore[arg-type]
    assert not report.agreed
    assert report.backends[0].faults == ("output 'y': nothing was compared: no value is finite on the whole test set",)
    assert any("nothing was compared" in finding for finding in report.findings)


@pytest.mark.parametrize(
    ("backend", "reference"),
    [("numpy", "numpy"), ("sabotage:Bias", "sabotage:Bias"), ("sabotage:Bias:spoil=true", "sabotage:Bias:spoil=True")],
)
def test_nothing_is_compared_with_itself(toy: Graph, data: Path, backend: str, reference: str) -> None:
    with pytest.raises(BadInput, match=r"IX103.*with itself"):
        verify(toy, data, backends=["sabotage:Wide", backend], reference=reference)


def test_other_options_are_another_backend(toy: Graph, data: Path) -> None:
    assert verify(toy, data, backends=["sabotage:Wide:spoil=false"], reference="sabotage:Wide").agreed


def test_targets_must_be_what_a_threshold_tells_apart(tmp_path: Path) -> None:
    b = Builder()
    x = b.input("x", "float32", (None, 1))
    model = b.graph([b.add("Sigmoid", [x], "y", source="y")], {"name": "two"})
    path = write(tmp_path / "t.npz", x=np.zeros((3, 1), np.float32), target=np.array([0, 1, 7]))
    with pytest.raises(BadInput, match="IX221") as caught:
        verify(model, path, backends=["numpy"])
    assert caught.value.why == ("the target of sample 2 is 7; the output 'y' tells 0 and 1 apart",)


def test_float16_models_have_a_floor_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / "t.npz", x=np.array([[0.1, 4.0, 9.0]], np.float16))
    report = verify(one_node("Tanh", "float16"), path, backends=["numpy"])
    assert report.agreed
    assert report.outputs[0].floor > 2.0**-11


def test_a_sample_that_cannot_be_computed_is_an_error(tmp_path: Path) -> None:
    b = Builder()
    x = b.input("x", "int64", (None,))
    y = b.add("Gather", [b.constant("w", np.ones((3, 2), np.float32)), x], "y", source="gather")
    path = write(tmp_path / "t.npz", x=np.array([0, 7]))
    with pytest.raises(BadInput, match="IX212"):
        verify(b.graph([y], {}), path, backends=["numpy"])
