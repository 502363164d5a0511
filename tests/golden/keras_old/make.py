"""Makes every row in one old Keras: the files as it saved them, and what it computed.

    KERAS_BACKEND=theano bin/python tests/golden/keras_old/make.py FOLDER [NAME ...]

runs in an environment that has a Keras from 1.0 to 2.3 and its backend (Python 3.6). It leaves in FOLDER, for each
row, <name>.<version>.<backend>.h5, and outputs.<version>.<backend>.npz; rows that the Keras itself refuses are in
refused.<version>.<backend>.json with its words. pack.py makes the archives.
"""

# ruff: noqa: E402, N812 (the environment comes before the imports)

import json
import os
import re
import sys
import traceback
import warnings

warnings.filterwarnings("ignore")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keras
import numpy as np
from keras import backend as K
from old_table import values

BACKEND = K.backend() if hasattr(K, "backend") else K._BACKEND
if BACKEND == "theano":
    import theano.ifelse  # noqa: F401 (old Kerases rely on somebody having imported it)

MAJOR = int(keras.__version__.split(".")[0])
ROWS = __import__(f"rows{MAJOR}").T


class Names:
    """Every class and function that a row may name."""

    def __getattr__(self, name):
        for module in ("keras.layers", "keras.models", "keras.legacy.models", "keras.layers.advanced_activations"):
            try:
                found = getattr(__import__(module, fromlist=[name]), name, None)
            except ImportError:
                continue
            if found is not None:
                return found
        raise AttributeError("this Keras has no " + name)


def begin_anew():
    """Names are counted from 1 again, and a row that was refused leaves no scope of names behind."""
    if hasattr(K, "clear_session"):
        K.clear_session()
    if hasattr(K, "reset_uids"):
        K.reset_uids()
    backend = sys.modules[f"keras.backend.{BACKEND}_backend"]
    if hasattr(backend, "NAME_SCOPE_STACK"):
        del backend.NAME_SCOPE_STACK[:]


def model_of(L, row):
    if row.whole:
        return row.build(L)
    xs = []
    for i, feed in enumerate(row.feeds):
        batch = (feed.batch, *feed.shape) if row.name.startswith("deconv") else (None, *feed.shape)
        xs.append(L.Input(batch_shape=batch, name=f"x{i}", dtype="int32" if feed.kind == "tokens" else "float32"))
    outputs = row.build(L, *xs)
    return L.Model(xs if len(xs) > 1 else xs[0], outputs)


def fill(model):
    """Weights that every machine makes alike; positive where they begin as ones, as variances do."""
    filled = []
    for seed, old in enumerate(model.get_weights()):
        weight = values(old.shape, seed) * np.float32(0.4)
        filled.append(np.abs(weight) + np.float32(0.5) if old.size and np.all(old == 1) else weight)
    model.set_weights(filled)


def save(model, path):
    """The whole model; before 1.0.7, which could not, its weights, and the architecture beside them."""
    if hasattr(model, "save"):
        model.save(path)
        return
    model.save_weights(path, overwrite=True)
    with open(path[:-2] + "json", "w") as file:
        file.write(model.to_json())


def computed(model, feeds):
    if keras.__version__ in ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"):
        model.compile("sgd", "mse")  # without which they cannot predict
    made = model.predict(feeds if len(feeds) > 1 else feeds[0], batch_size=len(feeds[0]))
    if isinstance(made, dict):
        made = [made[name] for name in model.output_names]
    made = made if isinstance(made, list) else [made]
    return [array.astype(np.float32) for array in made]  # which Keras 1.0 collects in float64


def main():
    folder, wanted = sys.argv[1], sys.argv[2:]
    if not os.path.isdir(folder):
        os.makedirs(folder)
    who = f"{keras.__version__}.{BACKEND}"
    outputs, refused = {}, {}
    for row in ROWS:
        if wanted and row.name not in wanted:
            continue
        try:
            begin_anew()
            if MAJOR == 1 and hasattr(K, "set_image_dim_ordering"):
                K.set_image_dim_ordering("th" if row.name.endswith("_th") else "tf")
            model = model_of(Names(), row)
            if row.name != "compiled":
                fill(model)
            made = computed(model, [feed.array(i) for i, feed in enumerate(row.feeds)])
            save(model, os.path.join(folder, f"{row.name}.{who}.h5"))
        except Exception as error:
            words = re.sub(r'(File ")[^"]*site-packages/', r"\1", str(error).strip())  # wherever it was installed
            refused[row.name] = f"{type(error).__name__}: {words[-300:]}"
            if wanted:
                traceback.print_exc()
            continue
        outputs.update((f"{row.name}:{i}", array) for i, array in enumerate(made))
    if not wanted:
        np.savez_compressed(os.path.join(folder, f"outputs.{who}.npz"), **outputs)
        with open(os.path.join(folder, f"refused.{who}.json"), "w") as file:
            json.dump(refused, file, indent=1, sort_keys=True)
    print(f"{who}: {len(ROWS) - len(refused)} rows, {len(refused)} refused")


if __name__ == "__main__":
    main()
