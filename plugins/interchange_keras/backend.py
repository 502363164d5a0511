"""Running a Keras file in Keras itself: the one module here that imports it, and only when asked to."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from interchange.errors import EnvironmentLacks, Unsupported
from interchange.graph import Array, TensorSpec
from interchange_keras import eras
from interchange_keras.architecture import read_model
from interchange_keras.container import Source, read

CODE = ("Lambda", "__lambda__")


@dataclass(frozen=True)
class KerasModel:
    """An open model. Its inputs and outputs have the names that the importer gives them."""

    provider: str
    inputs: Mapping[str, TensorSpec]
    outputs: Sequence[str]
    run: Any  # the Keras model
    flatten: Any  # the framework's tree -> list of leaves

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        values = [feeds[name] for name in self.inputs]
        made = self.flatten(self.run(values[0] if len(values) == 1 else values, training=False))
        return {name: _with_texts(np.asarray(value)) for name, value in zip(self.outputs, made, strict=True)}


def _with_texts(array: Array) -> Array:
    """TensorFlow's texts are bytes."""
    if array.dtype.kind != "O":
        return array
    return np.array([item.decode("utf-8") for item in array.ravel()], object).reshape(array.shape)


@contextmanager
def open_in_keras(path: Path) -> Iterator[KerasModel]:
    """See `KerasBackend.open`."""
    source = read(path, weights=False)
    inputs, outputs = read_model(source).signature()
    _refuse_code(source)
    keras, provider = _keras_of_the_era(source)
    with tempfile.TemporaryDirectory(prefix="interchange-") as folder:
        model = _load(keras, path, Path(folder), source, provider)
        tensors = list(model.inputs)
        if len(tensors) != len(inputs) or len(model.outputs) != len(outputs):
            raise _cannot(
                source, provider, f"it makes a model with other inputs or outputs: {model.inputs}, {model.outputs}"
            )
        specs = {name: _spec(tensor) for name, tensor in zip(inputs, tensors, strict=True)}
        flatten = keras.tree.flatten if hasattr(keras, "tree") else importlib.import_module("tensorflow").nest.flatten
        yield KerasModel(provider, specs, tuple(outputs), model, flatten)


def _keras_of_the_era(source: Source) -> tuple[Any, str]:
    """The Keras to run the file in: tf_keras for what Keras 1 and 2 wrote, if it is there; and its name for reports."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    is_old = source.version < (3,)
    has_old = importlib.util.find_spec("tf_keras") is not None
    if is_old and not has_old and (names := _changed(source)):
        raise EnvironmentLacks(
            "IX401",
            "Keras 3 would compute something else than the Keras that wrote the file.",
            where=source.where,
            why=f"the meaning of {', '.join(names)} has changed since {source.producer}",
            next_step="pip install tf_keras",
        )
    try:
        tensorflow = importlib.import_module("tensorflow")
        keras = importlib.import_module("tf_keras" if is_old and has_old else "keras")
    except Exception as error:  # an installation of TensorFlow can fail in every way
        raise EnvironmentLacks(
            "IX401",
            "Keras cannot be imported.",
            why=f"{type(error).__name__}: {error}",
            next_step="pip install keras tensorflow",
        ) from error
    tensorflow.get_logger().setLevel("ERROR")
    name = "Keras" if keras.__name__ == "keras" else "tf_keras"
    return keras, f"{name} {keras.__version__} (TensorFlow {tensorflow.__version__}, CPU)"


def _load(keras: Any, path: Path, folder: Path, source: Source, provider: str) -> Any:
    """Keras goes by the suffix of the file, so it gets one that fits the content."""
    named = folder / ("model.keras" if source.format == "keras-zip" else "model.h5")
    named.symlink_to(path.resolve())
    if keras.__name__ == "keras" and source.format == "keras-h5" and (layers := _misread(source)):
        raise _cannot(source, provider, f"it forgets in an .h5 file that the axes of {', '.join(layers)} are a tuple")
    tensorflow = importlib.import_module("tensorflow")
    try:
        with tensorflow.device("CPU:0"):
            return keras.models.load_model(named, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras raises about a file that it cannot open
        text = str(error).strip().splitlines() or [""]
        raise _cannot(source, provider, f"{type(error).__name__}: {text[0][:300]}") from error


def _cannot(source: Source, provider: str, why: str) -> Unsupported:
    next_step = "" if importlib.util.find_spec("tf_keras") or source.version >= (3,) else "pip install tf_keras"
    return Unsupported("IX301", f"{provider} cannot open the file.", where=source.where, why=why, next_step=next_step)


def _refuse_code(source: Source) -> None:
    """tf_keras runs the code in an .h5 file whatever safe_mode says, so such a file is given to no Keras."""
    names = [str(item.get("name") or item["class_name"]) for item in _objects(source) if item.get("class_name") in CODE]
    if names:
        raise Unsupported(
            "IX302",
            "The model contains code, which is never run.",
            where=source.where,
            why=f"Lambda: {', '.join(dict.fromkeys(names))}",
        )


def _changed(source: Source) -> list[str]:
    """The names in the file that today's Keras takes for something else."""
    values = [value for item in _objects(source) for value in item.values() if isinstance(value, str)]
    return sorted({value for value in values if eras.meaning_changed(value, source.version)})


def _misread(source: Source) -> list[str]:
    """Layers with several axes: Keras 3 needs a tuple, and JSON has none."""
    classes = ("Softmax", "UnitNormalization")
    configs = ((item.get("class_name"), item.get("config")) for item in _objects(source))
    return [
        str(config.get("name"))
        for class_name, config in configs
        if class_name in classes and isinstance(config, Mapping) and isinstance(config.get("axis"), list)
    ]


def _objects(source: Source) -> Iterator[Mapping[str, Any]]:
    pending: list[Any] = [source.architecture]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _spec(tensor: Any) -> TensorSpec:
    shape = [None if size is None else int(size) for size in tensor.shape]
    dtype = str(getattr(tensor.dtype, "name", tensor.dtype)).replace("string", "object")
    return TensorSpec(dtype, tuple("batch" if i == 0 and size is None else size for i, size in enumerate(shape)))
