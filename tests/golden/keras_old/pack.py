"""Packs what make.py left in FOLDER: saved.tar.xz, outputs.npz and made.json, beside this file.

    python tests/golden/keras_old/pack.py FOLDER

Of a row, the file of the newest version is kept for each backend, and any other one that differs from those kept in
its architecture, its weights or what the Keras computed. Other suites leave this archive alone: it has thousands of
files, and no operators that the others lack. made.json says for every version and backend how many rows were made,
and in whose words the others were refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).parent
# (version, row): what that Keras saved is not what it had computed with, and its own load_model gets something else.
LOST = {
    ("1.0.", "time_distributed_dense"),  # without a bias it saves no weights
    ("1.0.", "deconv2d_strides_more"),  # its output_shape is lost
    ("1.0.", "deconv2d_same"),
    ("1.0.", "zero_padding2d_sides"),  # four sides came with 1.1, which read them in other files in another way
    ("1.1.", "time_distributed_dense"),
    ("2.0.", "rnn_"),  # its cells have no config
}


def order(who: str) -> tuple[int, ...]:
    return tuple(map(int, who.split(".")[:3]))


def digest(path: Path) -> str:
    """Of the architecture and the weights of a file, but for the names that a session counts up."""
    beside = path.with_suffix(".json")
    with h5py.File(path) as file:
        config = json.loads(beside.read_text() if beside.exists() else file.attrs["model_config"])
        config.pop("keras_version", None)
        hashed = hashlib.sha256(re.sub(r"_\d+", "", json.dumps(config, sort_keys=True)).encode())

        def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
            if isinstance(item, h5py.Dataset):
                hashed.update(f"{item.shape}".encode() + item[()].tobytes())

        file.visititems(add)
    return hashed.hexdigest()


def main() -> None:
    folder = Path(sys.argv[1])
    truth: dict[str, dict[str, dict[int, np.ndarray]]] = defaultdict(dict)
    made = {}
    for stored in sorted(folder.glob("outputs.*.npz"), key=lambda path: order(path.name[8:])):
        who = stored.name.removeprefix("outputs.").removesuffix(".npz")
        with np.load(stored) as arrays:
            for key, array in arrays.items():
                name, _, number = key.rpartition(":")
                if any(name.startswith(row) and who.startswith(of) for of, row in LOST):
                    continue
                if not np.isfinite(array).all():
                    raise SystemExit(f"{name} of {who} is not finite")
                truth[name].setdefault(who, {})[int(number)] = array
        made[who] = {
            "rows": sum(who in each for each in truth.values()),
            "refused": json.loads((folder / f"refused.{who}.json").read_text()),
        }
        made[who]["kept"] = []
    outputs: dict[str, np.ndarray] = {}
    kept: list[Path] = []
    for name, by_who in sorted(truth.items()):
        for major in ("1", "2"):
            writers = [who for who in by_who if who.startswith(major)]
            seen: list[tuple[str, dict[int, np.ndarray]]] = []
            for backend in ("tensorflow", "theano", "cntk"):
                of_backend = [who for who in writers if who.endswith(backend)]
                for who in of_backend:
                    path = folder / f"{name}.{who}.h5"
                    same = [old for old, result in seen if old == digest(path) and _equal(result, by_who[who])]
                    if who == of_backend[-1] or not same:
                        kept.append(path)
                        made[who]["kept"].append(name)
                        seen.append((digest(path), by_who[who]))
                        for number, array in by_who[who].items():
                            _store(outputs, f"{major}/{name}", who, number, array)
    np.savez_compressed(HERE / "outputs.npz", **outputs)
    (HERE / "made.json").write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    with tarfile.open(HERE / "saved.tar.xz", "w:xz", preset=9) as archive:
        for path in [*kept, *(path.with_suffix(".json") for path in kept if path.with_suffix(".json").exists())]:
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
    print(f"{len(kept)} files, {len(outputs)} outputs")


def _equal(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(_close(one[i], other[i]) for i in one)


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=2e-5, atol=3e-6)


def _store(outputs: dict[str, np.ndarray], row: str, who: str, number: int, array: np.ndarray) -> None:
    """Under the row's name if that is what all computed so far, else under the row's and the writer's."""
    common = f"{row}:{number}"
    if common not in outputs:
        outputs[common] = array
    elif not _close(outputs[common], array):
        outputs[f"{row}.{who}:{number}"] = array


if __name__ == "__main__":
    main()
