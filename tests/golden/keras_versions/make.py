"""Writes models.tar.xz and outputs.npz: the tables of tests/golden, saved and run by the real versions of tf.keras and
Keras 3, from TensorFlow 1.13 on.

    python tests/golden/keras_versions/make.py run FOLDER [PREFIX]     # once with the Python of each version
    python tests/golden/keras_versions/make.py pack FOLDER             # then with any that has NumPy and h5py

`run` writes FOLDER/<version>/<row>.h5 and .keras, and the outputs of that version; it wants Python 3.7 or later.
`pack` keeps the rows of rows.py and functions.py, and of the files of a row one of those that say the same: the
version, the architecture and the outputs decide. Rows that FOLDER does not hold stay as they are in the archive.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
FORMATS = (".h5", ".keras")
LOST_BY_3 = r"calls\.conv\dd_transpose_.*padd"  # output_padding, which Keras did not save before 3.6
LOST = ("tf-1.1[34].*", ".*up_sampling_bilinear.*")  # these do not write the interpolation: the file says "nearest"


class Case(NamedTuple):
    """One model. `given`: its weights are those that the layers were made with, not ours.

    `twin` builds what gives the truth, where TensorFlow cannot compute the model on a CPU.
    """

    name: str
    feeds: Callable[[], list]
    shapes: Any
    build: Callable[..., Any]
    fixed: bool = False
    given: bool = False
    twin: Any = None


def module(path: Path) -> Any:
    name = f"versions_of_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def cases(era: str) -> Iterator[Case]:
    """Those of every table that Keras 2 ("2") or Keras 3 ("3") can build."""
    own = module(HERE / "rows.py")
    module(HERE / "functions.py").fill(own.row, own.values, own.PICTURE)
    for row in own.ROWS:
        if era in row.eras:
            yield Case(f"versions.{row.name}", row.feeds, row.shapes, row.build, row.fixed, row.given)
    rows = module(HERE.parent / "keras" / "rows.py")
    for row in rows.ROWS:
        if era in row.eras and not row.first:

            def build(K: Any, *xs: Any, row: Any = row) -> Any:
                return row.layer(K.layers)(list(xs) if len(xs) > 1 else xs[0])

            feeds = lambda row=row: [rows.values((2, *shape), i) for i, shape in enumerate(row.shapes)]  # noqa: E731
            yield Case(f"keras.{row.name}", feeds, row.shapes, build)
    calls = module(HERE.parent / "keras_calls" / "rows.py")
    table = calls.Table()
    for name in ("operations", "options", "wirings"):
        module(HERE.parent / "keras_calls" / f"{name}.py").fill(table)
    for row in (*calls.ROWS, *table):
        if era in row.eras:
            yield Case(f"calls.{row.name}", row.feeds, row.shapes, row.build, row.fixed, twin=row.twin)
    for row in module(HERE.parent / "keras_sequences" / "rows.py").ROWS:
        if era in row.eras:

            def build(K: Any, *xs: Any, row: Any = row) -> Any:
                return row.build(K.layers, *xs)

            yield Case(f"sequences.{row.name}", row.arrays, [feed.shape for feed in row.feeds], build)
    for row in module(HERE.parent / "keras_preprocessing" / "rows.py").ROWS:
        if era in row.eras and not row.name.startswith("Random"):
            shapes = [x.shape[1:] for x in row.inputs]
            yield Case(f"preprocessing.{row.name}", lambda row=row: list(row.inputs), shapes, row.build, given=True)
    precision = module(HERE.parent / "keras_precision" / "rows.py")
    for name, (shape, layer) in precision.ROWS.items():
        for policy in precision.POLICIES:
            if name.endswith("_k3") and era == "2":
                continue
            shapes = [shape] * (1 + (name in precision.TWO_INPUTS))

            def build(K: Any, *xs: Any, layer: Any = layer, policy: str = policy) -> Any:
                return layer(Layers(K.layers, policy))(list(xs) if len(xs) > 1 else xs[0])

            feeds = lambda shapes=shapes: [precision.values((2, *s), i) for i, s in enumerate(shapes)]  # noqa: E731
            yield Case(f"precision.{name}.{policy}", feeds, shapes, build)


class Layers:
    """keras.layers, with those that once were experimental; all with one dtype policy if one is given."""

    def __init__(self, layers: Any, policy: str = "") -> None:
        self.layers, self.policy = layers, policy

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.layers, name, None)
        if found is None:
            experimental = getattr(self.layers, "experimental", None)
            found = getattr(getattr(experimental, "preprocessing", None), name, None)
        if found is None:
            raise AttributeError(f"no layer {name}")
        if not self.policy:
            return found
        return lambda *args, **options: found(*args, dtype=policy_named(self.policy), **options)


def policy_named(name: str) -> Any:
    import tensorflow as tf

    experimental = getattr(getattr(tf.keras, "mixed_precision", None), "experimental", None)
    is_old = name.startswith("mixed_") and not hasattr(getattr(tf.keras, "mixed_precision", None), "Policy")
    return experimental.Policy(name) if is_old else name


class Keras:
    """The module, with those layers."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        self.layers = Layers(keras.layers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.keras, name)


def frameworks() -> tuple:
    """(version, module, whether it is eager): Keras 3 if that is what `keras` is, else tf.keras."""
    try:
        import keras

        if int(keras.__version__.split(".")[0]) >= 3 and hasattr(keras, "ops"):
            return f"keras-{keras.__version__}", Keras(keras), True
    except ImportError:
        pass
    import tensorflow as tf

    return f"tf-{tf.__version__}", Keras(tf.keras), tf.__version__ >= "2"


def values(shape: Any, seed: int) -> np.ndarray:
    n = int(np.prod(shape))
    return (((np.arange(n) * 7919 + seed * 31 + 17) % 1009 - 504) / 504).reshape(shape).astype(np.float32)


def fill(model: Any) -> None:
    """Weights that every machine makes alike; positive where they are variances. Whole numbers stay."""
    made = []
    for seed, (variable, old) in enumerate(zip(model.weights, model.get_weights())):  # noqa: B905
        new = values(old.shape, seed)
        path = getattr(variable, "path", variable.name)
        if "variance" in path or "stddev" in path:
            new = np.abs(new) + np.float32(0.5)
        is_float = old.dtype.kind not in "iubOUS"
        made.append(new.astype(old.dtype) if is_float else old)
    model.set_weights(made)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # Normalization works with values derived from its weights
            layer.finalize_state()


def flat(value: Any) -> list:
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, (list, tuple)):
        return [item for part in value for item in flat(part)]
    return [value]


def outputs_of(model: Any, feeds: list, eager: bool) -> list:
    if eager:
        import tensorflow as tf

        feeds = [tf.constant(x.tolist() if x.dtype.kind == "U" else x) for x in feeds]
        made = model(feeds if len(feeds) > 1 else feeds[0], training=False)
    else:
        made = model.predict(feeds if len(feeds) > 1 else feeds[0], batch_size=len(feeds[0]))
    arrays = []
    for y in flat(made):
        y = np.asarray(y)
        if y.dtype.kind in "OS":
            y = np.array([text.decode() for text in y.ravel()]).reshape(y.shape)
        arrays.append(y.astype(np.float32) if y.dtype.name == "bfloat16" else y)
    return arrays


def before(target: Path, prefix: str) -> tuple:
    """What earlier runs with other prefixes left there: outputs and failures."""
    if not (target / "outputs.npz").exists():
        return {}, {}
    with np.load(str(target / "outputs.npz")) as stored:
        outputs = {name: stored[name] for name in stored.files if not name.startswith(prefix)}
    failed = json.loads((target / "failed.json").read_text())
    return outputs, {name: why for name, why in failed.items() if not name.startswith(prefix)}


def run(folder: str, prefix: str = "") -> None:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", TF_ENABLE_ONEDNN_OPTS="0")
    warnings.simplefilter("ignore")
    version, K, eager = frameworks()
    era = "3" if version.startswith("keras") else "2"
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    target = Path(folder) / version
    target.mkdir(parents=True, exist_ok=True)
    outputs, failed = before(target, prefix)
    for case in cases(era):
        if case.twin or not case.name.startswith(prefix):
            continue
        try:
            K.backend.clear_session()
            feeds = case.feeds()
            given = []
            for i, (shape, feed) in enumerate(zip(case.shapes, feeds)):  # noqa: B905
                kind = "string" if feed.dtype.kind == "U" else feed.dtype.name
                batch = len(feed) if case.fixed else None
                given.append(K.layers.Input(tuple(shape), batch_size=batch, name=f"x{i}", dtype=kind))
            model = K.Model(given, case.build(K, *given))
            if not case.given:
                fill(model)
            arrays = outputs_of(model, feeds, eager)
            for suffix in FORMATS:
                if suffix == ".h5" or era == "3" or numbers >= (2, 12):
                    try:
                        model.save(str(target / f"{case.name}{suffix}"))
                    except Exception as error:
                        failed[case.name + suffix] = f"not saved: {type(error).__name__}: {error}"[:300]
        except Exception as error:
            failed[case.name] = f"{type(error).__name__}: {error}"[:300]
            continue
        for i, array in enumerate(arrays):
            outputs[f"{case.name}:{i}"] = array
    np.savez_compressed(str(target / "outputs.npz"), **outputs)
    (target / "failed.json").write_text(json.dumps(failed, indent=1))
    print(f"{version}: {len({key.rpartition(':')[0] for key in outputs})} models, {len(failed)} not made")


def architecture(path: Path) -> tuple:
    """What the importer reads besides weights: the version and the architecture."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(str(path)) as archive:
            metadata = json.loads(archive.read("metadata.json"))
            return metadata["keras_version"], json.loads(archive.read("config.json"))
    import h5py

    with h5py.File(str(path), "r") as file:
        return file.attrs["keras_version"], json.loads(file.attrs["model_config"])


def others(rows: set) -> tuple:
    """What the archive holds of other rows: files, outputs, and which files have the same outputs."""
    if not (HERE / "models.tar.xz").exists():
        return {}, {}, {}
    with tarfile.open(str(HERE / "models.tar.xz")) as archive:
        files = {entry.name: archive.extractfile(entry).read() for entry in archive}
    with np.load(str(HERE / "outputs.npz")) as stored:
        outputs = dict(stored)
    same = json.loads(str(outputs.pop("same")))
    return ({k: v for k, v in part.items() if k.partition("@")[0] not in rows} for part in (files, outputs, same))


def pack(folder: str) -> None:
    rows = set()
    for version in Path(folder).iterdir():
        with np.load(str(version / "outputs.npz")) as stored:
            rows |= {name.rpartition(":")[0].partition(".")[2] for name in stored.files if name.startswith("versions.")}
    files, outputs, same = others(rows)
    known: set = set()
    truths: dict = {}  # outputs -> where they were seen first
    for version in sorted(Path(folder).iterdir()):
        with np.load(str(version / "outputs.npz")) as stored:
            made = dict(stored)
        unsaved = json.loads((version / "failed.json").read_text())
        for name in sorted({key.rpartition(":")[0] for key in made if key.startswith("versions.")}):
            if re.match(LOST[0], version.name) and re.match(LOST[1], name):
                continue
            arrays = [made[f"{name}:{i}"] for i in range(sum(key.rpartition(":")[0] == name for key in made))]
            text = repr([(array.dtype.name, array.tolist()) for array in arrays])
            for suffix in FORMATS:
                path = version / f"{name}{suffix}"
                if path.name in unsaved or not path.exists():
                    continue
                try:
                    document = architecture(path)
                except (zipfile.BadZipFile, OSError, KeyError):  # what Keras left where it could not save
                    continue
                said = repr((name, suffix, json.dumps(document, sort_keys=True), text))
                if said not in known:
                    known.add(said)
                    row = name.partition(".")[2]
                    files[f"{row}@{version.name}{suffix}"] = path.read_bytes()
                    if text not in truths:
                        truths[text] = f"{row}@{version.name}"
                        outputs.update({f"{row}@{version.name}:{i}": array for i, array in enumerate(arrays)})
                    same[f"{row}@{version.name}"] = truths[text]
    np.savez_compressed(str(HERE / "outputs.npz"), same=json.dumps(same), **outputs)
    write(HERE / "models.tar.xz", files)


def pack3(folder: str) -> None:
    made: dict = {}  # row -> version -> outputs
    versions = [path for path in Path(folder).iterdir() if path.name.startswith("keras-3")]
    for version in sorted(versions, key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)]):
        with np.load(str(version / "outputs.npz")) as stored:
            for key in stored.files:
                if not re.match(LOST_BY_3, key) and (version / f"{key.rpartition(':')[0]}.keras").exists():
                    made.setdefault(key.rpartition(":")[0], {}).setdefault(version, []).append(stored[key])
    outputs: dict = {}
    files: dict = {}
    for row, results in made.items():
        kept: dict = {}
        for version, arrays in results.items():  # a later one with the same result takes the place
            earlier = next((other for other in kept if alike(results[other], arrays)), None)
            kept.pop(earlier, None)
            kept[version] = arrays
        if len(kept) > 1:
            for version, arrays in kept.items():
                name = f"{row}@{version.name}"
                files[f"{name}.keras"] = (version / f"{row}.keras").read_bytes()
                outputs.update({f"{name}:{i}": array for i, array in enumerate(arrays)})
    np.savez_compressed(str(HERE / "keras3.npz"), **outputs)
    write(HERE / "keras3.tar.xz", files)


def alike(some: list, others: list) -> bool:
    """Whether two versions computed the same: dtypes, shapes, and values but for rounding."""
    return len(some) == len(others) and all(
        x.dtype == y.dtype
        and x.shape == y.shape
        and (np.allclose(x, y, rtol=2e-2, atol=2e-2, equal_nan=True) if x.dtype.kind == "f" else (x == y).all())
        for x, y in zip(some, others)  # noqa: B905
    )


def write(path: Path, files: dict) -> None:
    with tarfile.open(str(path), "w:xz", preset=9) as archive:
        for name, data in sorted(files.items(), key=lambda item: (Path(item[0]).suffix, item[0])):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    print(f"{len(files)} files")


if __name__ == "__main__":
    {"run": run, "pack": pack, "pack3": pack3}[sys.argv[1]](*sys.argv[2:])
