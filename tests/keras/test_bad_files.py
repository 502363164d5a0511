"""What a file can do wrong: one error with a code, never a traceback, never wrong numbers."""

from __future__ import annotations

import json
import os
import struct
import time
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interchange_keras import KerasImporter

from interchange.errors import InterchangeError
from interchange.evaluate import evaluate
from interchange.graph import equal


def load(path, **options):
    return KerasImporter().load(path, **options)


def error_of(path, **options):
    with pytest.raises(InterchangeError) as caught:
        load(path, **options)
    return caught.value


def layer(document, name):
    return next(entry for entry in document["config"]["layers"] if entry["config"]["name"] == name)


# --- containers -----------------------------------------------------------------------------------------------------


def test_no_file(tmp_path):
    assert error_of(tmp_path / "none.h5").code == "IX101"
    assert error_of(tmp_path).code in ("IX101", "IX203")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(500)])
def test_garbage(content, tmp_path):
    path = tmp_path / "garbage.h5"
    path.write_bytes(content)
    assert error_of(path).code == "IX203"


def test_weights_only(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
    error = error_of(path)
    assert error.code == "IX204"
    assert "load_weights" in error.next_step


def test_weights_of_keras_3_only(tmp_path):
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros(3)
    assert error_of(path).code == "IX204"


def test_other_hdf5(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)
    assert error_of(path).code == "IX203"


def test_truncated_keras_file_is_recognised_as_one(golden, tmp_path):
    path = tmp_path / "truncated.keras"
    data = (golden / "dense.k3.keras").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert KerasImporter().recognises(path, path.read_bytes()[:4096])
    error = error_of(path)
    assert error.code == "IX203"
    assert ".keras file is damaged" in error.what


def test_heaps_that_overlap(edited):
    """Each of them goes on to the end of the file: to look into all would take hours."""
    path = edited("dense.k2.h5")
    data = path.read_bytes()
    heap = b"GCOL\x01\0\0\0" + struct.pack("<Q", 1 << 62) + b"\x01\0\x01\0\0\0\0\0" + struct.pack("<Q", 16)
    path.write_bytes(data + bytes(-len(data) % 8) + heap * 50_000 + bytes(24) + struct.pack("<Q", 16))
    start = time.monotonic()
    assert error_of(path).code == "IX203"
    assert time.monotonic() - start < 20


KERNEL = "model_weights/dense/dense/kernel:0"


def _replaced(make):
    def change(file):
        shape = file[KERNEL].shape
        del file[KERNEL]
        make(file, shape)

    return change


def _virtual(file, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape)
    file.create_virtual_dataset(KERNEL, layout)


HOSTILE = {
    "an external link": (lambda file, _: file.__setitem__(KERNEL, h5py.ExternalLink("/etc/passwd", "x")), "IX205"),
    "a soft link": (
        lambda file, _: file.__setitem__(KERNEL, h5py.SoftLink("/model_weights/dense/dense/bias:0")),
        "IX205",
    ),
    "external storage": (
        lambda file, shape: file.create_dataset(KERNEL, shape, "f4", external=[("/etc/hostname", 0, 10**6)]),
        "IX205",
    ),
    "a virtual dataset": (_virtual, "IX205"),
    "values that are not there": (lambda file, _: file.create_dataset(KERNEL, (10**6, 10**6), "f4"), "IX206"),
    "fewer values than promised": (lambda file, _: file.create_dataset(KERNEL, (1000, 1000), "f4"), "IX203"),
    "zeros by the billion": (
        lambda file, _: file.create_dataset(
            KERNEL, (1 << 27,), "f4", chunks=(1 << 20,), compression="gzip", fillvalue=0
        ),
        "IX206",
    ),
    "texts": (lambda file, _: file.create_dataset(KERNEL, data=["a", "b"]), "IX203"),
    "a group": (lambda file, _: file.create_group(KERNEL), "IX203"),
    "nothing": (lambda file, _: None, "IX203"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_hdf5(what, edited):
    make, code = HOSTILE[what]
    assert error_of(edited("dense.k2.h5", file=_replaced(make))).code == code


def _rewritten(source, target, change):
    """A .keras file with changed members: change(name, data) -> data or None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


ZIPS = {
    "no architecture": (lambda name, data: None if name == "config.json" else data, "IX204"),
    "a bomb": (lambda name, data: b" " * (1 << 27) if name == "config.json" else data, "IX206"),
    "no JSON": (lambda name, data: b"{" if name == "config.json" else data, "IX203"),
    "deep JSON": (lambda name, data: b"[" * 10**6 if name == "config.json" else data, "IX203"),
    "not even an object": (lambda name, data: b"3" if name == "metadata.json" else data, "IX203"),
    "no HDF5": (lambda name, data: b"PK" * 999 if name == "model.weights.h5" else data, "IX203"),
    "no weights": (lambda name, data: None if name == "model.weights.h5" else data, "IX207"),
}


@pytest.mark.parametrize("what", ZIPS)
def test_hostile_zip(what, golden, tmp_path):
    change, code = ZIPS[what]
    assert error_of(_rewritten(golden / "dense.k3.keras", tmp_path / "model.keras", change)).code == code


# --- architectures --------------------------------------------------------------------------------------------------


def _inbound(name, *refs):
    return lambda document: layer(document, name).update(inbound_nodes=[[[*ref, {}] for ref in refs]])


def _deep(document):
    for _ in range(200):
        document = {"class_name": "Sequential", "config": {"name": "m", "layers": [document]}}
    return document


def _laughs(document):
    """Nine models, each calling the one before ten times."""
    inner = layer(document, "dense")
    inner = {"class_name": "Dense", "name": "dense", "config": inner["config"], "inbound_nodes": [[["i", 0, 0, {}]]]}
    for level in range(9):
        calls = [[["i", 0, 0, {}]], *([[[inner["name"], n - (not level), 0, {}]] for n in range(1, 10)])]
        entry_layer = {
            "class_name": "InputLayer",
            "name": "i",
            "config": {"name": "i", "batch_input_shape": [None, 5]},
            "inbound_nodes": [],
        }
        config = {
            "name": f"m{level}",
            "layers": [entry_layer, {**inner, "inbound_nodes": calls}],
            "input_layers": [["i", 0, 0]],
            "output_layers": [[inner["name"], 10 if level else 9, 0]],
        }
        inner = {"class_name": "Functional", "name": f"m{level}", "config": config}
    return inner


HALF = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
ARCHITECTURES = {
    "a circle": (_inbound("dense", ("dense", 0, 0)), "IX203", "circle"),
    "a missing layer": (_inbound("dense", ("nobody", 0, 0)), "IX203", "nobody"),
    "a missing call": (_inbound("dense", ("x0", 7, 0)), "IX203", "x0"),
    "a missing tensor": (_inbound("dense", ("x0", 0, 7)), "IX203", "x0"),
    "too many inputs": (_inbound("dense", ("x0", 0, 0), ("x0", 0, 0)), "IX301", "2 inputs"),
    "a negative call": (_inbound("dense", ("x0", -1, 0)), "IX203", "x0"),
    "nodes that are no lists": (lambda d: layer(d, "dense").update(inbound_nodes=[[7]]), "IX203", ""),
    "one name twice": (lambda d: d["config"]["layers"].append(layer(d, "dense")), "IX203", "same name"),
    "no outputs": (lambda d: d["config"].update(output_layers=[]), "IX203", "outputs"),
    "unknown outputs": (lambda d: d["config"].update(output_layers=[["y", 0, 0]]), "IX203", "'y'"),
    "no config": (lambda d: d.update(config=None), "IX203", "no config"),
    "no layers": (lambda d: d["config"].update(layers=None), "IX301", "class of its own"),
    "a config that is a number": (lambda d: layer(d, "dense").update(config=3), "IX203", ""),
    "a subclass": (lambda d: {"class_name": "MyModel", "config": {}}, "IX301", "MyModel"),
    "models in models": (_deep, "IX206", "nested"),
    "a billion layers": (_laughs, "IX206", "calls"),
    "a huge input": (lambda d: layer(d, "x0")["config"].update(batch_input_shape=[None, 10**12]), "IX301", "shape"),
    "an input of words": (lambda d: layer(d, "x0")["config"].update(dtype="string"), "IX301", "string"),
    "another size": (lambda d: layer(d, "x0")["config"].update(batch_input_shape=[None, 6]), "IX207", "kernel"),
    "more units": (lambda d: layer(d, "dense")["config"].update(units=7), "IX207", "kernel"),
    "no bias after all": (lambda d: layer(d, "dense")["config"].update(use_bias=False), "IX207", "1 weights"),
    "units in words": (lambda d: layer(d, "dense")["config"].update(units="many"), "IX301", "units"),
    "too many units": (lambda d: layer(d, "dense")["config"].update(units=1 << 40), "IX301", "too large"),
    "an unknown option": (lambda d: layer(d, "dense")["config"].update(sparkle=True), "IX301", "sparkle = True"),
    "an option that is missing": (lambda d: layer(d, "dense")["config"].pop("units") and None, "IX301", "units"),
    "an unknown activation": (lambda d: layer(d, "dense")["config"].update(activation="zing"), "IX301", "zing"),
    "a nonsense activation": (lambda d: layer(d, "dense")["config"].update(activation=[1]), "IX203", "activation"),
    "a dtype policy of nobody": (
        lambda d: layer(d, "dense")["config"].update(
            dtype={"class_name": "Policy", "config": {"name": "mixed_float64"}}
        ),
        "IX301",
        "mixed_float64",
    ),
    "dropout at inference": (
        lambda d: layer(d, "dense").update(inbound_nodes=[[["x0", 0, 0, {"training": True}]]]),
        "IX301",
        "training",
    ),
}


@pytest.mark.parametrize("what", ARCHITECTURES)
def test_bad_architecture(what, edited):
    change, code, word = ARCHITECTURES[what]
    error = error_of(edited("dense.k2.h5", config=change))
    assert error.code == code
    assert word in str(error)


@pytest.mark.parametrize("text", ["[" * 10**5, '{"class_name": ' * 10**4, "null", "3", '"model"', "", "{}"])
def test_bad_json(text, edited):
    def change(file):
        file.attrs["model_config"] = text

    assert error_of(edited("dense.k2.h5", file=change)).code in ("IX203", "IX301")


def test_relu_at_the_threshold(edited):
    """Keras: x > threshold, and the line of the slope else, which is 0 there."""
    options = {"negative_slope": 0.5, "threshold": 2.0, "max_value": None}

    def change(document):
        document["config"]["layers"][-1]["config"].update(options)

    graph = load(edited("re_lu.k2.h5", config=change))
    (spec,) = graph.inputs.values()
    feed = np.full((1, *spec.shape[1:]), 2.0, np.float32)
    (made,) = evaluate(graph, dict.fromkeys(graph.inputs, feed)).values()
    assert not made.any()


ABSURD = {
    "zero_padding2d.k2.h5": {"padding": [[10**9, 0], [0, 0]]},
    "up_sampling2d.k2.h5": {"size": [10**6, 10**6]},
    "repeat_vector.k2.h5": {"n": 10**9},
    "conv2d.k2.h5": {"strides": [0, 1]},
    "max_pooling2d.k2.h5": {"pool_size": [10**9, 1]},
    "cropping2d.k2.h5": {"cropping": [[1, 2], [3]]},
    "permute.k2.h5": {"dims": [1, 2, 2]},
    "reshape.k2.h5": {"target_shape": [5, 5]},
    "concatenate.k2.h5": {"axis": 9},
    "softmax.k2.h5": {"axis": 9},
    "batch_normalization.k2.h5": {"axis": [1, 2]},
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_options(name, edited):
    def change(document):
        document["config"]["layers"][-1]["config"].update(ABSURD[name])

    assert error_of(edited(name, config=change)).code in ("IX203", "IX206", "IX207", "IX301")


# --- calls of models within models ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("calls", "outputs"), [((0, 1), (2, 3)), ((1, 2), (2, 3)), ((0, 1), (1, 2))])
def test_numbers_of_calls(calls, outputs, edited, golden):
    """A model that calls itself three times; Keras counts from 0 or from 1, Keras 3 for the outputs alone from 1."""

    def nest(document):
        inner = json.loads(json.dumps(document))
        inner["config"]["layers"][-1]["config"]["units"] = 5
        inner |= {"name": "inner", "inbound_nodes": [[["x0", 0, 0, {}]], *([["inner", n, 0, {}]] for n in calls)]}
        inner["config"]["name"] = "inner"
        document["config"]["layers"] = [document["config"]["layers"][0], inner]
        document["config"]["output_layers"] = [["inner", n, 0] for n in outputs]

    def widen(file):
        group = file["model_weights"]
        dense = group["dense/dense"]
        kernel, bias = np.eye(5, dtype="f4") * 2, np.zeros(5, "f4")
        del file["model_weights/dense"]
        del dense
        group["inner/dense/kernel:0"], group["inner/dense/bias:0"] = kernel, bias
        group["inner"].attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        group.attrs["layer_names"] = [b"x0", b"inner"]

    graph = load(edited("dense.k2.h5", config=nest, file=widen))
    feed = np.ones((1, 5), np.float32)
    made = [float(value[0, 0]) for value in evaluate(graph, dict.fromkeys(graph.inputs, feed)).values()]
    assert made == [4, 8]


# --- all problems at once -------------------------------------------------------------------------------------------


def _several_unknown(document):
    layers = document["config"]["layers"]
    for entry, class_name in zip(layers[1:4], ("LSTM", "Lambda", "Masking"), strict=True):
        entry["class_name"] = class_name
    layers[4]["config"]["sparkle"] = 1


def test_all_problems_in_one_error(edited):
    error = error_of(edited("sequential.k2.h5", config=_several_unknown))
    assert error.code == "IX301"
    assert error.exit_code == 3
    text = "\n".join(error.why)
    for word in ("(LSTM)", "(Lambda)", "never run", "(Masking)", "sparkle"):
        assert word in text


def test_lambda_alone_has_its_code(edited):
    error = error_of(
        edited("dense.k2.h5", config=lambda d: layer(d, "dense").update(class_name="Lambda", config={"name": "dense"}))
    )
    assert error.code == "IX302"


def test_unused_weights_are_listed(edited):
    def change(file):
        group = file["model_weights"].create_group("ghost")
        group.attrs["weight_names"] = [b"ghost/kernel:0"]
        group["ghost/kernel:0"] = np.zeros((2, 3), "f4")
        file["model_weights"].attrs["layer_names"] = [b"x0", b"dense", b"ghost"]

    graph = load(edited("dense.k2.h5", file=change))
    assert json.loads(graph.metadata["unused_weights"]) == ["ghost/ghost/kernel:0"]


def test_names_may_be_anything(edited, golden):
    """Names are text: nothing is executed, escaped or cut."""
    hostile = "\"); import os #\n/../'%s{0}"

    def rename(document):
        text = json.dumps(document).replace('"dense"', json.dumps(hostile)).replace('"x0"', json.dumps("a/b"))
        return json.loads(text)

    graph = load(edited("dense.k2.h5", config=rename))  # the group is still called "dense": matched by position
    assert list(graph.inputs) == ["a/b"]
    assert graph.outputs == (hostile,)
    feed = np.ones((2, 5), np.float32)
    (made,) = evaluate(graph, {"a/b": feed}).values()
    (expected,) = evaluate(load(golden / "dense.k2.h5"), {"x0": feed}).values()
    np.testing.assert_array_equal(made, expected)


def test_long_lists_of_names_are_cut_into_chunks(edited, golden):
    def cut(file):
        names = list(file["model_weights"].attrs["layer_names"])
        del file["model_weights"].attrs["layer_names"]
        for i, part in enumerate((names[:2], names[2:])):
            file["model_weights"].attrs[f"layer_names{i}"] = part

    assert equal(load(edited("sequential.k2.h5", file=cut)), load(golden / "sequential.k2.h5"))


def test_unknown_option(golden):
    assert error_of(golden / "dense.k2.h5", colour=3).code == "IX103"
    assert error_of(golden / "dense.k2.h5", layers={"dense": "no.such:function"}).code == "IX103"
    assert error_of(golden / "dense.k2.h5", layers=3).code == "IX103"


# --- fuzzing --------------------------------------------------------------------------------------------------------

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ", "250")),
    deadline=None,
    derandomize="FUZZ" not in os.environ,  # FUZZ=20000 looks for new ones
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _survives(path, whole):
    """The file is refused, or still loads: as a well-formed graph (weights may have other values)."""
    importer = KerasImporter()
    assert importer.recognises(path, path.read_bytes()[:4096]) in (True, False)
    try:
        graph = importer.load(path)
    except InterchangeError:
        return
    assert len(graph.outputs) == len(whole.outputs)


@pytest.mark.parametrize("name", ["sequential.k2.h5", "branches.k3.keras"])
def test_truncated(name, golden, tmp_path):
    data = (golden / name).read_bytes()
    path = tmp_path / name
    for size in range(0, len(data) - 1, max(len(data) // 60, 1)):
        path.write_bytes(data[:size])
        assert error_of(path).code in ("IX203", "IX204", "IX205", "IX206", "IX207")


@pytest.mark.parametrize("name", ["sequential.k2.h5", "nested_functional.k3.h5", "branches.k3.keras"])
def test_flipped_bytes(name, golden, tmp_path):
    data = (golden / name).read_bytes()
    whole = load(golden / name)
    path = tmp_path / name

    @FUZZ
    @given(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(1, 255)), min_size=1, max_size=8))
    def flip(changes):
        broken = bytearray(data)
        for position, mask in changes:
            broken[position] ^= mask
        path.write_bytes(broken)
        _survives(path, whole)

    flip()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.floats()
    | st.sampled_from(["same", "relu", "x0", "Dense", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "a"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("name", ["sequential.k2.h5", "branches.k3.h5", "nested_functional.k2.h5"])
def test_any_value_anywhere_in_the_architecture(name, golden, tmp_path):
    whole = load(golden / name)
    path = tmp_path / name
    path.write_bytes((golden / name).read_bytes())
    with h5py.File(path) as file:
        text = file.attrs["model_config"]
    places = list(_places(json.loads(text)))

    @FUZZ
    @given(st.integers(0, len(places) - 1), JSON)
    def change(at, value):
        document = json.loads(text)
        *parents, last = places[at]
        node = document
        for key in parents:
            node = node[key]
        node[last] = value
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(document)
        try:
            graph = load(path)
        except InterchangeError:
            return
        assert graph.outputs or whole

    change()


def _places(node, path=()):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


# --- what hypothesis found in HDF5 itself, and is kept away from it --------------------------------------------------


def test_texts_that_would_crash_hdf5(edited):
    """Variable-length values that are no texts."""

    def change(file):
        del file.attrs["backend"]
        file.attrs.create(
            "backend", [np.array([1, 2], "i4"), np.array([3], "i4")], dtype=h5py.vlen_dtype(np.dtype("i4"))
        )

    assert error_of(edited("dense.k2.h5", file=change)).code == "IX203"


def test_heaps_that_hdf5_would_follow_for_ever(golden, tmp_path):
    data = bytearray((golden / "dense.k2.h5").read_bytes())
    first = data.index(b"GCOL") + 16
    data[first : first + 2] = bytes(2)  # the first object becomes free space
    data[first + 8 : first + 16] = bytes(8)  # of no size
    path = tmp_path / "model.h5"
    path.write_bytes(data)
    assert "heap" in str(error_of(path))


def test_texts_of_gigabytes(golden, tmp_path):
    from interchange_keras.hdf5 import TEXT_TYPE

    data = bytearray((golden / "dense.k2.h5").read_bytes())
    at = next(TEXT_TYPE.finditer(data)).end() + 8  # a scalar: the length follows its dataspace
    data[at : at + 4] = b"\xff" * 4
    path = tmp_path / "model.h5"
    path.write_bytes(data)
    assert "attribute" in str(error_of(path))
