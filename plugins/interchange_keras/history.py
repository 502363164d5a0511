"""What is different from today's Keras in a file of another version, in words: for `interchange show`, and the docs.

`python -m interchange_keras.history > docs/keras-layers.md` writes the page of all layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interchange_keras import eras
from interchange_keras.architecture import Model
from interchange_keras.layer import slots_of
from interchange_keras.layers import LAYERS

ACTIVATIONS = ("activation", "recurrent_activation")
HEAD = """\
# Layers of Keras

Made from the source by `python -m interchange_keras.history > docs/keras-layers.md`; do not edit. Every layer class
that is read, and what the versions of Keras differ in. All are held against what real Keras computed (`tests/keras/`,
`tests/golden/keras*`): numbers, shape and dtype. A file of an older version may use the names and options of that
time: `plugins/interchange_keras/eras.py`.

* **Keras 3**: whether it still has the class; if not, whether `--to keras` expresses it by others.
* **differed**: names that the class had, defaults that were others, weights in another layout.
* **quantised**: the modes that are read.

| layer | Keras 3 | differed | quantised |
|---|---|---|---|
"""
EXPRESSED: Mapping[str, str] = {
    "ThresholdedReLU": "no; as ReLU",
    "CuDNNLSTM": "no; as LSTM",
    "CuDNNGRU": "no; as GRU",
    "StackedRNNCells": "yes, in an RNN",
    "Merge": "no; as Add, Concatenate …",
}


def era_of(model: Model, version: eras.Version, backend: str) -> str:
    """The era of a file and what it means for this model; "" for Keras 3."""
    if version >= (3,):
        return ""
    what = list(dict.fromkeys(_differences(model, version, backend)))
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


def page() -> str:
    """docs/keras-layers.md."""
    return HEAD + "\n".join(_row(name) for name in sorted(LAYERS)) + "\n"


def _row(name: str) -> str:
    from interchange_keras.export.keras3 import OPTIONS, UNWRITTEN
    from interchange_keras.layers.quantized import QUANTISED

    is_written = name in OPTIONS and name not in UNWRITTEN
    today = "yes" if is_written else EXPRESSED.get(name, "yes, not written" if name in UNWRITTEN else "no")
    old = [f"`{alias}`" for alias, modern in eras.CLASSES.items() if modern == name != alias]
    old += [
        f"`{row.key}` = {row.value} before {'.'.join(map(str, row.before))}"
        for row in eras.DEFAULTS
        if row.name == name
    ]
    old += [f"`{weight}` in Keras 1" for owner, weight in eras.OLD_WEIGHTS if owner == name]
    modes = [mode for owner, mode in QUANTISED if owner == name]
    return f"| {name} | {today} | {', '.join(old)} | {', '.join(modes)} |"


if __name__ == "__main__":
    print(page(), end="")
