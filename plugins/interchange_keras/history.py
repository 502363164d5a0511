"""What is different from today's Keras in a file of another version, in words: for `interchange show`, and the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interchange_keras import eras
from interchange_keras.architecture import WRAPPERS, Model
from interchange_keras.layer import slots_of
from interchange_keras.layers import LAYERS

ACTIVATIONS = ("activation", "recurrent_activation")
HEAD = """\
# Layers of Keras

Made from the source and the golden files by `python tests/keras/layers_page.py > docs/keras-layers.md`; do not edit.
Every layer class that is read, and what the versions of Keras differ in. All are held against what real Keras computed
(`tests/keras/`, `tests/golden/keras*`): numbers, shape and dtype. A file of an older version may use the names and
options of that time: `plugins/interchange_keras/eras.py`.

* **Keras 3**: whether it still has the class; if not, whether `--to keras` expresses it by others.
* **differed**: names that the class had, defaults that were others, weights in another layout.
* **quantised**: the modes that are read.
* **golden files**: how many hold the layer, by the Keras that wrote them and computed what they are held against;
  those of Keras 1 to 2.3 by the multi-backend Keras of that time (`tests/golden/keras_old`).

| layer | Keras 3 | differed | quantised | golden files |
|---|---|---|---|---|
"""
EXPRESSED: Mapping[str, str] = {
    "ThresholdedReLU": "no; as ReLU",
    "CuDNNLSTM": "no; as LSTM",
    "CuDNNGRU": "no; as GRU",
    "SpectralNormalization": "yes",
    "StackedRNNCells": "yes, in an RNN",
    "Merge": "no; as Add, Concatenate …",
}


def era_of(model: Model, version: eras.Version, backend: str) -> str:
    """The era of a file and what it means for this model; "" for a file of Keras 3 that means what it would today."""
    what = list(dict.fromkeys(_differences(model, version, backend)))
    if version >= (3,) and not what:
        return ""
    return f"Keras {version[0]}" + (f"; {'; '.join(what)}" if what else "; nothing in it means something else today")


def _differences(model: Model, version: eras.Version, backend: str) -> Iterator[str]:
    for entry in model.layers:
        if entry.model is not None:
            yield from _differences(entry.model, version, backend)
            continue
        if entry.class_name == "InputLayer":
            continue
        if entry.registered_name in eras.CLASSES and entry.registered_name != entry.class_name:
            yield f"{entry.registered_name} is {entry.class_name}"
        known = slots_of(LAYERS[entry.class_name]) if entry.class_name in LAYERS else ()
        yield from _of_config(entry.class_name, entry.config, version)
        for slot in known:
            if version < (2,) and (entry.class_name, slot.name) in eras.OLD_WEIGHTS:
                yield f"{entry.class_name}: {slot.name} in another layout"
        if "Conv" in entry.class_name and eras.FLIPS_KERNELS.get(backend):
            yield f"{backend} flips kernels"


def _of_config(class_name: str, config: Mapping[str, Any], version: eras.Version) -> Iterator[str]:
    missing = {key: value for key, value in eras.defaults(class_name, version).items() if key not in config}
    yield from (f"{class_name}: {key} is {value} by default" for key, value in missing.items() if key in _TOLD)
    for (of, option), (_, read) in eras.NOT_SAVED.items():
        if of == class_name and eras.was_lost(of, option, version) and config.get(option) is None:
            yield f"{class_name}: {option} was not saved, {read} is taken, as Keras itself did"
    yield from (f"{class_name}: {what}" for what in eras.meanings(class_name, config, version))
    used = {**missing, **config}
    for key in ACTIVATIONS:
        name = used.get(key)
        if isinstance(name, str) and eras.meaning_changed(name, version):
            changed = ", ".join(f"{option} {value}" for option, value in eras.defaults(name, version).items())
            yield f"{name} has {changed}"
    for key in ("wrapped", "backward_layer"):
        inner = config.get(key)
        if isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
            name = eras.modern_class(str(inner.get("class_name")))
            yield from _of_config(name, eras.modern_config(name, inner["config"]), version)


_TOLD = frozenset({"recurrent_activation", "reset_after", "zero_output_for_mask"})


# --- the page -------------------------------------------------------------------------------------------------------


def page(tested: Mapping[str, str]) -> str:
    """docs/keras-layers.md. `tested` says by which files a class is tested."""
    return HEAD + "\n".join(_row(name, tested.get(name, "")) for name in sorted([*LAYERS, *WRAPPERS])) + "\n"


def _before(row: eras.Default) -> str:
    number = ".".join(map(str, row.before))
    return number if row.before_tf is None else f"{number} (in tf.keras {'.'.join(map(str, row.before_tf))})"


def _row(name: str, tested: str) -> str:
    from interchange_keras.export.keras3 import OPTIONS, UNWRITTEN
    from interchange_keras.layers.quantized import QUANTISED

    is_written = name in OPTIONS and name not in UNWRITTEN
    today = "yes" if is_written else EXPRESSED.get(name, "yes, not written" if name in UNWRITTEN else "no")
    old = [f"`{alias}`" for alias, modern in eras.CLASSES.items() if modern == name != alias]
    old += [f"`{row.key}` = {row.value} before {_before(row)}" for row in eras.DEFAULTS if row.name == name]
    old += [f"`{weight}` in Keras 1" for owner, weight in eras.OLD_WEIGHTS if owner == name]
    modes = [mode for owner, mode in QUANTISED if owner == name]
    return f"| {name} | {today} | {', '.join(old)} | {', '.join(modes)} | {tested} |"
