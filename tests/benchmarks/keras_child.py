"""Keras, as keras_corpus.py and keras_peers.py ask it: one question after the other, each answered in this process."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import arrays
import numpy as np
from child import answer_with, words_of

GOLDEN = Path(__file__).parent.parent / "golden"


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [item for part in value for item in flat(part)]
    return [value]


def outputs_of(model: Any, feeds: list[np.ndarray]) -> list[np.ndarray]:
    """What a Keras model computes."""
    import tensorflow as tf

    given = [tf.constant(x.tolist() if x.dtype.kind == "U" else x) for x in feeds]
    return [np.asarray(y) for y in flat(model(given if len(given) > 1 else given[0], training=False))]


# --- files ----------------------------------------------------------------------------------------------------------


def opened(question: dict[str, Any]) -> dict[str, Any]:
    """Opens a file in the Keras asked for; where there are feeds, computes and leaves the outputs."""
    keras = importlib.import_module(question["keras"])
    keras.backend.clear_session()
    try:
        model = keras.models.load_model(question["path"], compile=False, safe_mode=True)
    except Exception as error:
        return {"opens": False, "fault": words_of(error)}
    try:
        arrays.write(question["made"], outputs_of(model, [x.values for x in arrays.read(question["feeds"])]))
    except Exception as error:
        return {"opens": True, "fault": words_of(error)}
    return {"opens": True}


# --- rows -----------------------------------------------------------------------------------------------------------


def module(path: Path) -> Any:
    name = f"{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


MAKE = module(GOLDEN / "keras_versions" / "make.py")
CASES = {case.name: case for case in MAKE.cases("3") if not case.name.startswith("versions.")}


def rows(question: dict[str, Any]) -> dict[str, Any]:
    return {"rows": list(CASES)}


class Current:
    """The row whose model is at hand: the roads of a row come one after the other."""

    name = ""
    model: Any = None
    feeds: tuple[np.ndarray, ...] = ()
    outputs: tuple[np.ndarray, ...] = ()


def built(name: str) -> Any:
    if Current.name != name:
        case = CASES[name]
        feeds = case.feeds()
        Current.model, Current.feeds = _model(case, case.build), tuple(feeds)
        if not case.twin:
            Current.outputs = tuple(outputs_of(Current.model, feeds))  # Keras's own export wants it called once
            for layer in Current.model.layers:
                if getattr(layer, "stateful", False) and hasattr(layer, "reset_states"):
                    layer.reset_states()
        Current.name = name
    return Current.model


def _model(case: Any, build: Callable[..., Any]) -> Any:
    import keras

    keras.backend.clear_session()
    inputs = [
        keras.Input(
            tuple(shape),
            batch_size=len(feed) if case.fixed else None,
            name=f"x{i}",
            dtype="string" if feed.dtype.kind == "U" else feed.dtype.name,
        )
        for i, (shape, feed) in enumerate(zip(case.shapes, case.feeds(), strict=True))
    ]
    model = keras.Model(inputs, build(MAKE.Keras(keras), *inputs))
    if not case.given:
        MAKE.fill(model)
    return model


def truth(question: dict[str, Any]) -> dict[str, Any]:
    """Makes a row's model, its feeds, its outputs and its files; says which classes of layers it has."""
    case, folder = CASES[question["row"]], Path(question["folder"])
    known = outputs_of(_model(case, case.twin), case.feeds()) if case.twin else None
    model = built(case.name)
    arrays.write(folder / "feeds.npz", Current.feeds)
    arrays.write(folder / "truth.npz", known or Current.outputs)
    faults = {}
    for suffix in ("keras", "h5"):
        try:
            model.save(folder / f"model.{suffix}")
        except Exception as error:
            (folder / f"model.{suffix}").unlink(missing_ok=True)
            faults[suffix] = words_of(error)
    return {"classes": sorted(set(_classes(model))), "faults": faults}


def _classes(model: Any) -> Iterator[str]:
    for layer in model._flatten_layers(include_self=False, recursive=True):
        name = type(layer).__name__
        if name not in ("InputLayer", "Functional", "Sequential"):
            yield name if type(layer).__module__.startswith("keras.src.layers") else "keras.ops"


def round_trip(suffix: str) -> Callable[[Any, Path], None]:
    def road(model: Any, folder: Path) -> None:
        import keras

        again = keras.models.load_model(folder / f"model.{suffix}", compile=False)
        arrays.write(folder / "made.npz", outputs_of(again, list(Current.feeds)))

    return road


def with_tf2onnx(model: Any, folder: Path) -> None:
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, f"x{i}") for i, tensor in enumerate(model.inputs)]
    names = [spec.name for spec in signature]

    def call(*xs: Any) -> Any:
        return model(list(xs) if len(xs) > 1 else xs[0], training=False)

    without_search()
    function = tf.function(call, input_signature=signature)
    made, _ = tf2onnx.convert.from_function(function, input_signature=signature)
    in_onnx_runtime(made.SerializeToString(), names, folder)


def without_search() -> None:
    """tf2onnx tries every order of the letters of an einsum, for half a minute and more; without, the Einsum stays."""
    from tf2onnx import optimizer

    optimizer._optimizers.pop("einsum_optimizer", None)


def with_export(model: Any, folder: Path) -> None:
    without_search()
    model.export(folder / "export.onnx", format="onnx", verbose=False)
    in_onnx_runtime((folder / "export.onnx").read_bytes(), None, folder)


def in_onnx_runtime(data: bytes, names: list[str] | None, folder: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = [x.name for x in session.get_inputs()]
    if len(given) != len(Current.feeds):
        raise ValueError(f"it asks for {len(given)} inputs, the model has {len(Current.feeds)}")
    feeds = [x.astype(object) if x.dtype.kind == "U" else x for x in Current.feeds]
    made = session.run(None, dict(zip(names or given, feeds, strict=True)))
    arrays.write(folder / "made.npz", made)


ROADS = {
    "keras": round_trip("keras"),
    "h5": round_trip("h5"),
    "tf2onnx": with_tf2onnx,
    "export": with_export,
}


def road(question: dict[str, Any]) -> dict[str, Any]:
    """Takes a row's model along one road; the outputs lie in the folder then."""
    ROADS[question["road"]](built(question["row"]), Path(question["folder"]))
    return {}


QUESTIONS = {"opened": opened, "rows": rows, "truth": truth, "road": road}

if __name__ == "__main__":
    answer_with(lambda question: QUESTIONS[question["ask"]](question))
