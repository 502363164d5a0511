"""Whole scripts: under every interpreter, embedded, on NumPy, damaged; their text."""

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from interchange_pyscript import NumpyScriptBackend, NumpyScriptExporter, ScriptBackend, ScriptExporter, link
from interchange_pyscript.kernels import KERNELS
from interchange_pyscript.script import ARRAY_MODEL, PLAIN, PROGRAM, homes_of, linked_parts
from interchange_weights.format import to_bytes

import interchange
from interchange import ops
from interchange.builder import Builder
from interchange.errors import BadInput, EnvironmentLacks, Unsupported
from interchange.evaluate import evaluate, widen
from interchange.graph import Body, Graph, Node, TensorSpec
from tests.pyscript.common import VERSIONS, imported, interpreters, network, random, run, single

PYTHONS = interpreters()
BATCH = random(3, 3, 11, 9, 3)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return network()


@pytest.fixture(scope="module")
def script(graph, tmp_path_factory) -> Path:
    return ScriptExporter().save(graph, tmp_path_factory.mktemp("script") / "small.py")[0]


@pytest.fixture(scope="module")
def embedded(graph, tmp_path_factory) -> Path:
    return ScriptExporter().save(graph, tmp_path_factory.mktemp("embedded") / "small.py", embed=True)[0]


@pytest.fixture(scope="module")
def on_numpy(graph, tmp_path_factory) -> Path:
    return NumpyScriptExporter().save(graph, tmp_path_factory.mktemp("numpy") / "small.py")[0]


@pytest.mark.parametrize("name", ["this", *VERSIONS, "pypy3"])
def test_every_interpreter_computes_the_same(name, graph, script):
    if name not in PYTHONS:
        pytest.skip(f"there is no {name} here")
    want = evaluate(widen(graph), {"image": BATCH})["classes"]
    with ScriptBackend().open(script, python=PYTHONS[name]) as model:
        got = model({"image": BATCH})
    assert list(got) == ["classes"]
    assert got["classes"].dtype == np.float32
    np.testing.assert_allclose(got["classes"], want, rtol=1e-6)
    assert model.provider.startswith("PyPy" if name == "pypy3" else "CPython")
    assert dict(model.inputs) == dict(graph.inputs)
    done = run(script, "--selftest", python=PYTHONS[name])
    assert (done.returncode, done.stderr) == (0, "")


def test_oldest_python_compiles_it(script):
    if "3.9" not in PYTHONS:
        pytest.skip("there is no Python 3.9 here")
    code = "import ast, sys; ast.parse(open(sys.argv[1], encoding='utf-8').read())"
    assert subprocess.run([PYTHONS["3.9"], "-c", code, str(script)]).returncode == 0


@pytest.mark.parametrize("version", ["3.7", "3.8"])
def test_older_python_gets_one_line(version, script, embedded, on_numpy):
    for path, oldest in ((script, "3.9"), (embedded, "3.9"), (on_numpy, "3.11")):
        code = f"small.py needs Python {oldest} or newer"
        assert code in path.read_text()
        python = interpreters((version,)).get(version)
        if python is None:
            pytest.skip(f"there is no Python {version} here")
        if path != on_numpy:  # which needs NumPy first
            done = run(path, "--selftest", python=python)
            assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{code}\n")


def test_definitions_are_found_as_python_finds_them():
    for module in (*KERNELS.modules, *PROGRAM, *ops.OPERATORS.modules):
        want = {}
        for node in ast.parse(inspect.getsource(import_module(module))).body:
            targets = [getattr(node, "target", None), *getattr(node, "targets", [])]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            want |= dict.fromkeys([node.name] if hasattr(node, "name") else names, node)
        parts = link.parse(module)
        assert list(parts.definitions) == list(want)
        for name, node in want.items():
            part = parts.definitions[name]
            (found,) = ast.parse("\n" * part.start + "\n".join(parts.rows[part.start : part.stop])).body
            assert ast.dump(found, include_attributes=True) == ast.dump(node, include_attributes=True)


def test_imports_are_found_as_python_finds_them():
    for module in (*KERNELS.modules, *PROGRAM, *ops.OPERATORS.modules):
        want = {}
        for node in ast.parse(inspect.getsource(import_module(module))).body:
            for alias in getattr(node, "names", []):
                what = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
                source = f"from {node.module}" if isinstance(node, ast.ImportFrom) else alias.name
                what = what if isinstance(node, ast.ImportFrom) else what.removeprefix(alias.name)
                want[alias.asname or alias.name] = (source, what)
        assert link.parse(module).imports == want


def test_all_of_the_program_is_in_scripts(script, on_numpy, tmp_path):
    """What the program's modules define is in a script of either style, of tensors of floats or of sequences as well.

    What is on NumPy alone is only there.
    """
    for path, numpy in ((script, False), (on_numpy, True)):
        sequences = ScriptExporter().save(looping(), tmp_path / f"sequences_{numpy}.py", numpy=numpy)[0]
        nodes = [node for text in (path, sequences) for node in ast.parse(text.read_text()).body]
        defined = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        for module in PROGRAM:
            nodes = ast.parse(inspect.getsource(import_module(module))).body
            names = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
            missing = names if module == ARRAY_MODEL and not numpy else set()
            assert names - defined == missing


def test_a_plain_script_imports_nothing_slow(script):
    """Neither for types nor for what is rarely used: a small network would wait for it."""
    code = f"import sys; sys.path[:0] = [{str(script.parent)!r}]; import {script.stem}; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    slow = {"argparse", "array", "ast", "collections", "csv", "functools", "json", "re", "typing", "zipfile"}
    assert not slow & set(ast.literal_eval(done.stdout))


def test_every_part_can_be_read_by_python_3_8():
    for module in (*KERNELS.modules, *PROGRAM):
        ast.parse(inspect.getsource(import_module(module)), feature_version=(3, 8))


def test_embedded_weights(graph, embedded, tmp_path):
    lonely = shutil.copy(embedded, tmp_path / "small.py")
    assert [path.name for path in embedded.parent.iterdir()] == ["small.py"]
    assert run(lonely, "--selftest").returncode == 0
    with ScriptBackend().open(lonely) as model:
        np.testing.assert_allclose(
            model({"image": BATCH})["classes"], evaluate(widen(graph), {"image": BATCH})["classes"], rtol=1e-6
        )


def test_numpy_style_is_the_same_to_the_bit(graph, on_numpy):
    want = evaluate(graph, {"image": BATCH})["classes"]
    with NumpyScriptBackend().open(on_numpy) as model:
        np.testing.assert_array_equal(model({"image": BATCH})["classes"], want)
        assert model.provider.startswith("NumPy ")


def test_numpy_by_option_is_the_same_script(graph, on_numpy, tmp_path):
    path = ScriptExporter().save(graph, tmp_path / "small.py", numpy=True)[0]
    assert path.read_bytes() == on_numpy.read_bytes()


@pytest.mark.parametrize("backend", ["pyscript", "pyscript-numpy"])
def test_by_the_api(backend, graph):
    with interchange.open(graph, backend=backend) as model:
        np.testing.assert_allclose(model(BATCH)["classes"], evaluate(graph, {"image": BATCH})["classes"], rtol=1e-5)


def test_styles_are_told_apart(script, embedded, on_numpy):
    for path, plain in ((script, True), (embedded, True), (on_numpy, False)):
        head = path.read_bytes()[:4096]
        assert ScriptExporter().recognises(path, head) == plain
        assert NumpyScriptExporter().recognises(path, head) != plain


def test_predict_takes_and_returns_lists(graph, script):
    module = imported(script)
    want = evaluate(widen(graph), {"image": BATCH})["classes"]
    for inputs in (BATCH, BATCH.tolist(), [list(image) for image in BATCH]):
        got = module.predict(inputs)
        assert isinstance(got, list)
        np.testing.assert_allclose(got, want, rtol=1e-9)


def test_predict_of_several_inputs_and_outputs(tmp_path):
    graph = Graph(
        inputs={"a": TensorSpec("float32", ("n", 2)), "x": TensorSpec("int64", ("n", 2))},
        outputs=("sum", "more", "x"),
        nodes=(
            Node("Cast", ("x",), ("f",), {"to": "float32"}, "cast"),
            Node("Add", ("a", "f"), ("sum",), {}, "add"),
            Node("Greater", ("f", "a"), ("more",), {}, "greater"),
        ),
    )
    module = imported(ScriptExporter().save(graph, tmp_path / "two.py")[0])
    assert module.predict([[0.5, 1.5]], [[1, 1]]) == {"sum": [[1.5, 2.5]], "more": [[True, False]], "x": [[1, 1]]}
    with ScriptBackend().open(tmp_path / "two.py") as model:
        got = model({"a": np.ones((1, 2), np.float32), "x": np.array([[3, 0]])})
    assert [(y.dtype.name, y.tolist()) for y in got.values()] == [
        ("float32", [[4, 1]]), ("bool", [[True, False]]), ("int64", [[3, 0]])
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"2 instead of 3|\[n, 2\]|\[1, 2\]"):
        module.predict([[0.5, 1.5]], [[1, 1], [2, 2]])


@pytest.mark.parametrize("exporter", [ScriptExporter, NumpyScriptExporter])
@pytest.mark.parametrize(
    "names", [("arr_1", "arr_0"), ("x", "arr_0"), ("arr_", "arr__1"), ("file", "\n"), ("a", "a.npy")]
)
def test_inputs_and_outputs_have_any_names(names, exporter, tmp_path):
    graph = Graph(
        inputs=dict.fromkeys(names, TensorSpec("float32", ("n", 1))),
        outputs=("y", "y.npy"),
        nodes=(Node("Sub", names, ("y",), {}, ""), Node("Mul", names, ("y.npy",), {}, "")),
    )
    script = exporter().save(graph, tmp_path / "m.py")[0]
    backend = (ScriptBackend if exporter is ScriptExporter else NumpyScriptBackend)()
    with backend.open(script) as model:
        got = model({names[0]: np.array([[5]], np.float32), names[1]: np.array([[3]], np.float32)})
    assert {name: y.tolist() for name, y in got.items()} == {"y": [[2]], "y.npy": [[15]]}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([BATCH[:, :, :, :2]], r"input 'image' has the shape \[3, 11, 9, 2\] instead of \[batch, 11, 9, 3\]"),
        ([BATCH[0]], r"has the shape \[11, 9, 3\]"),
        ([[[1, 2], [3]]], "different lengths"),
        ([[["a"]]], "'a' is not a number"),
        ([BATCH, BATCH], "takes 1 input"),
        ([], "takes 1 input"),
        ([None], "None is not a number"),
    ],
)
def test_predict_refuses_what_does_not_fit(inputs, message, script):
    with pytest.raises(ValueError, match=message):
        imported(script).predict(*inputs)


def test_floats_are_not_cut_to_integers(tmp_path):
    module = imported(ScriptExporter().save(single("Neg", [np.zeros((1, 2), np.int8)]), tmp_path / "m.py")[0])
    assert module.predict([[1, -128]]) == [[-1, -128]]  # as in int8
    for wrong in (1.5, 300):
        with pytest.raises(ValueError, match="int8"):
            module.predict([[1, wrong]])


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "bfloat16", "float16"])
def test_weights_of_few_bits_are_read(dtype, tmp_path):
    weights = np.array([0.5, -2, 3]).astype(getattr(pytest.importorskip("ml_dtypes"), dtype, dtype))
    nodes = (Node("Cast", ("w",), ("f",), {"to": "float32"}, "cast"), Node("Mul", ("x", "f"), ("y",), {}, "product"))
    graph = Graph(inputs={"x": TensorSpec("float32", (2, 3))}, outputs=("y",), nodes=nodes, constants={"w": weights})
    module = imported(ScriptExporter().save(graph, tmp_path / "m.py")[0])
    x = np.array([[1, 2, 4], [8, 16, 32]], np.float32)
    assert module.predict(x) == (x * weights.astype(np.float32)).tolist()


# --- the files ------------------------------------------------------------------------------------------------------


def test_weights_file_is_that_of_the_weights_exporter(graph, script):
    assert script.with_suffix(".safetensors").read_bytes() == to_bytes(graph)


@pytest.mark.parametrize("options", [{}, {"numpy": True}, {"embed": True}])
def test_the_same_graph_gives_the_same_bytes(options, graph, tmp_path):
    one, two = ([p.read_bytes() for p in ScriptExporter().save(graph, tmp_path / n / "m.py", **options)] for n in "ab")
    assert one == two


def test_text_depends_on_no_hash_seed(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.pyscript.common import network;"
        "from interchange_pyscript import ScriptExporter as S;"
        "S().save(network(), Path(sys.argv[1]) / 'm.py'); S().save(network(), Path(sys.argv[1]) / 'n.py', numpy=True)"
    )
    for seed in "12":
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(path for path in sys.path if path)}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment)
    for name in ("m.py", "n.py"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_nothing_is_overwritten_and_nothing_is_left_behind(graph, tmp_path):
    (tmp_path / "m.safetensors").write_text("mine")
    with pytest.raises(BadInput, match="IX102"):
        ScriptExporter().save(graph, tmp_path / "m.py")
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]
    assert len(ScriptExporter().save(graph, tmp_path / "m.py", force=True)) == 2


@pytest.mark.parametrize(
    "name", ["my model.py", "1.py", "a-b.py", "json.py", "import.py", "numpy.py", "\u00fcn\u00ef.py"]
)
def test_name_must_be_a_module_name(name, graph, tmp_path):
    with pytest.raises(BadInput, match="IX103"):
        ScriptExporter().save(graph, tmp_path / name)


def test_all_unsupported_things_in_one_error(tmp_path):
    graph = Graph(
        inputs={"x": TensorSpec("complex64", (1, 2, 4, 4))},
        outputs=("a", "b"),
        nodes=(
            Node("Neg", ("x",), ("a",), {}, "pool_1 (MaxPool)"),
            Node("Mul", ("x", "s"), ("b",), {}, "bn_7 (Bn)"),
        ),
        constants={"s": np.ones(4, np.complex64)},
    )
    with pytest.raises(Unsupported, match="IX303") as caught:
        ScriptExporter().save(graph, tmp_path / "m.py", selftest=False)
    assert "pool_1" in str(caught.value)
    assert "bn_7" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# --- damage ---------------------------------------------------------------------------------------------------------


def copied(script: Path, folder: Path) -> Path:
    for path in script.parent.glob("small.*"):
        shutil.copy(path, folder / path.name)
    return folder / "small.py"


def test_flipped_bit_is_noticed(script, tmp_path):
    copy = copied(script, tmp_path)
    weights = copy.with_suffix(".safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 0x40  # the exponent of the last float
    weights.write_bytes(data)
    for arguments, code in ((["--selftest"], 1), (["x.npy"], 2)):
        np.save(tmp_path / "x.npy", BATCH)
        done = run(copy, *arguments)
        assert done.returncode == code
        assert "damaged" in done.stderr
        assert "Traceback" not in done.stderr
    # The golden case notices it as well, without the checksum.
    text = copy.read_text()
    old = zlib.crc32(script.with_suffix(".safetensors").read_bytes())
    copy.write_text(text.replace(f"checksum={old}", f"checksum={zlib.crc32(data)}"))
    done = run(copy, "--selftest")
    assert done.returncode == 1
    assert "is off by" in done.stderr


@pytest.mark.parametrize("damage", [lambda data: data[:-7], lambda data: b"", lambda data: data + b"\0"])
def test_damaged_weights_are_one_line(damage, script, tmp_path):
    copy = copied(script, tmp_path)
    weights = copy.with_suffix(".safetensors")
    weights.write_bytes(damage(weights.read_bytes()))
    np.save(tmp_path / "x.npy", BATCH)
    done = run(copy, "x.npy")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(ValueError, match="damaged"):
        imported(copy).predict(BATCH)


def test_missing_weights_are_one_line(script, tmp_path):
    copy = Path(shutil.copy(script, tmp_path))
    done = run(copy, "--selftest")
    assert done.returncode == 1
    assert "there is no" in done.stderr


def test_script_without_a_golden_case_says_so(graph, tmp_path):
    script = ScriptExporter().save(graph, tmp_path / "m.py", selftest=False)[0]
    done = run(script, "--selftest")
    assert done.returncode == 1
    assert "no golden case" in done.stderr


def test_backend_names_what_is_missing(script, tmp_path):
    with pytest.raises(EnvironmentLacks, match="IX402"), ScriptBackend().open(script, python="no-such-python"):
        pass
    (tmp_path / "broken.py").write_text("raise SystemExit(7)")
    with pytest.raises(EnvironmentLacks, match="IX404"), ScriptBackend().open(tmp_path / "broken.py"):
        pass
    with ScriptBackend().open(script) as model, pytest.raises(BadInput, match="IX211"):
        model({"image": BATCH[0, 0]})


# --- the text -------------------------------------------------------------------------------------------------------


def lines_of_network(script):
    """The lines of the function `network` below its docstring."""
    text = script.read_text().partition("def network(")[2].partition("\n\n\n")[0]
    return text.split('"""\n')[-1].splitlines()


def test_the_model_reads_like_a_program(script):
    body = lines_of_network(script)
    assert body[-6:] == [
        '    y = LeakyRelu(Conv(x, w["conv_1/kernel"], layout="NHWC"), alpha=0.3)  # conv_1 (Conv2D): 6 x 9 x 5',
        "    x = Add(y, x)  # add (Add): 6 x 9 x 5",
        '    x = MaxPool(x, kernel_shape=(2, 2), strides=(2, 2), layout="NHWC")  # pool (MaxPooling2D): 3 x 4 x 5',
        "    x = Reshape(x, vector(-1, 60))  # flatten (Flatten): 60",
        '    x = Softmax(Add(MatMul(x, w["dense/kernel"]), w["dense/bias"]))  # dense (Dense): 4',
        '    return {"classes": x}',
    ]
    assert body[:2] == [
        "    # conv (Conv2D): 6 x 9 x 5",
        '    x = Relu(Conv(x, w["conv/kernel"], w["conv/bias"], auto_pad="SAME_UPPER", strides=(2, 1), layout="NHWC"))',
    ]


def test_long_calls_name_their_layer_once(tmp_path):
    b = Builder()
    x = b.input("image", "float32", ("batch", 4))
    layer = "a_normalization_with_a_long_name"
    weights = [b.constant(f"{layer}/{part}", np.ones(4, np.float32)) for part in ("gamma", "beta", "mean", "variance")]
    x = b.add_many("BatchNormalization", [x, *weights], ["y"], source=layer, layout="NHWC")[0]
    script = ScriptExporter().save(b.graph([x], {}), tmp_path / "m.py")[0]
    text = script.read_text()
    assert f'        x, *w("{layer}/", "gamma", "beta", "mean", "variance"), layout="NHWC"\n    )\n' in text
    told = text[text.index("def network(") : text.index("# a_normalization")].split()
    assert "w(start, *ends) gives the weights of the names start + end." in " ".join(told), "what a reader may not know"
    assert "Gemm" not in told, "nothing of what is not there"
    assert run(script, "--selftest").returncode == 0


def test_formatted_and_clean(script, on_numpy, embedded):
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed")
    for path in (script, embedded):
        for command in (["check", "--target-version", "py39"], ["format", "--check", "--line-length", "120"]):
            done = subprocess.run(
                [ruff, *command, "--isolated", "--no-cache", str(path)], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout
    done = subprocess.run([ruff, "check", "--isolated", "--no-cache", str(on_numpy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_types_are_checked(graph, tmp_path):
    """By mypy, strictly: a network, one with functions for control flow and sequences, and all kernels together."""
    pytest.importorskip("mypy")
    ScriptExporter().save(graph, tmp_path / "network_1.py")
    ScriptExporter().save(looping(), tmp_path / "network_2.py")
    linked = linked_parts(homes_of([*KERNELS], PLAIN), PLAIN)
    everything = "\n".join(["from __future__ import annotations", *linked.imports, "import sys", linked.text])
    (tmp_path / "everything.py").write_text(everything)
    for name in ("network_1", "network_2", "everything"):
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), f"{name}.py"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout


def looping() -> Graph:
    """A loop that adds squares to a sequence as long as their sum is small, and a choice."""
    body = Body(
        inputs={"i": TensorSpec("int64", ()), "go": TensorSpec("bool", ()), "total": TensorSpec("float32", (None, 3))},
        outputs=("more", "sum", "square"),
        nodes=(
            Node("Mul", ("x", "x"), ("square",), {}, "square (Mul)"),
            Node("Add", ("total", "square"), ("sum",), {}, "sum (Add)"),
            Node("ReduceMax", ("sum",), ("top",), {"keepdims": 0}, "top (ReduceMax)"),
            Node("Less", ("top", "limit"), ("more",), {}, "more (Less)"),
        ),
    )
    branches = {
        "then_branch": Body({}, ("same",), (Node("Identity", ("stacked",), ("same",), {}, "same (Identity)"),)),
        "else_branch": Body({}, ("less",), (Node("Neg", ("stacked",), ("less",), {}, "less (Neg)"),)),
    }
    return Graph(
        inputs={"x": TensorSpec("float32", ("batch", 3))},
        outputs=("last", "chosen", "parts"),
        nodes=(
            Node("Loop", ("trips", "", "x"), ("last", "stacked"), {"body": body}, "loop (Loop)"),
            Node("ReduceMax", ("last",), ("largest",), {"keepdims": 0}, "largest (ReduceMax)"),
            Node("Less", ("largest", "limit"), ("is_small",), {}, "is_small (Less)"),
            Node("If", ("is_small",), ("chosen",), branches, "choice (If)"),
            Node("SplitToSequence", ("last",), ("parts",), {"axis": 1}, "parts (SplitToSequence)"),
        ),
        constants={"trips": np.array(5), "limit": np.array(20, np.float32)},
        metadata={"name": "loops"},
    )


@pytest.mark.parametrize("exporter", [ScriptExporter, NumpyScriptExporter])
def test_control_flow_reads_like_a_program(exporter, tmp_path):
    graph = looping()
    script = exporter().save(graph, tmp_path / "loops.py")[0]
    if exporter is ScriptExporter:
        assert lines_of_network(script) == [
            "",
            "    def loop_body(i: Tensor, go: Tensor, total: Tensor) -> tuple[Any, ...]:",
            "        y = Mul(x, x)  # square (Mul)",
            "        z = Add(total, y)  # sum (Add)",
            "        top = ReduceMax(z, keepdims=0)  # top (ReduceMax)",
            "        more = Less(top, number(20.0))  # more (Less)",
            "        return more, z, y",
            "",
            "    loop, loop_2 = Loop(number(5), None, x, body=Body(loop_body, 3))  # loop (Loop): 3, 5 x batch x 3",
            "    x = ReduceMax(loop, keepdims=0)  # largest (ReduceMax): one number",
            "    x = Less(x, number(20.0))  # is_small (Less): one number",
            "",
            "    def choice_then_branch() -> tuple[Any, ...]:",
            "        y = Identity(loop_2)  # same (Identity)",
            "        return (y,)",
            "",
            "    def choice_else_branch() -> tuple[Any, ...]:",
            "        y = Neg(loop_2)  # less (Neg)",
            "        return (y,)",
            "",
            "    # choice (If): 5 x batch x 3",
            "    x = If(x, then_branch=Body(choice_then_branch, 1), else_branch=Body(choice_else_branch, 1))[0]",
            "    parts = SplitToSequence(loop, axis=1)  # parts (SplitToSequence): a sequence",
            '    return {"last": loop, "chosen": x, "parts": parts}',
        ]
    backend = ScriptBackend() if exporter is ScriptExporter else NumpyScriptBackend()
    for factor in (1, 3):
        x = factor * random(4, 2, 3)
        want = evaluate(graph, {"x": x})
        with backend.open(script) as model:
            got = model({"x": x})
        assert list(got) == list(want)
        for name, value in want.items():
            assert len(got[name]) == len(value)
            for one, other in zip(got[name], value, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5)


def test_plain_script_is_ascii_and_narrow(script, embedded):
    for path in (script, embedded):
        text = path.read_text(encoding="ascii")
        assert max(map(len, text.splitlines())) <= 120


def test_only_what_is_used(script, on_numpy):
    for path in (script, on_numpy):
        names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert {"Conv", "MaxPool", "MatMul", "Softmax", "network", "predict"} <= names
        assert not {"LSTM", "Gather", "Resize"} & names
