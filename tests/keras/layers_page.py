"""docs/keras-layers.md: every layer, what the versions of Keras differ in, and how many golden files of each hold it.

python tests/keras/layers_page.py > docs/keras-layers.md
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from interchange_keras.eras import modern_class
from interchange_keras.history import page

GOLDEN = Path(__file__).parent.parent / "golden"
ARCHIVES = (
    *("keras", "keras_calls", "keras_inputs", "keras_old", "keras_ops", "keras_precision", "keras_preprocessing"),
    "keras_sequences",
)
CLASS = re.compile(rb'"class_name": ?"(\w+)"')


def era_of(name: str) -> str:
    """Of a golden file, by its name: dense.k2.h5, conv2d_same_th.1.2.2.theano.h5 …"""
    if old := re.search(r"\.([12])\.\d+\.\d+\.(\w+)\.\w+$", name):
        return f"Keras {'1' if old[1] == '1' else '2.0-2.3'} on {old[2].capitalize().replace('flow', 'Flow')}"
    return "tf_keras" if ".k2." in name else "Keras 3"


def configs() -> Iterator[tuple[str, bytes]]:
    """The name of every golden file, and what holds the names of its classes."""
    for archive in (path for name in ARCHIVES for path in sorted((GOLDEN / name).glob("*.tar.xz"))):
        with tarfile.open(archive) as files:
            for member in files:
                content = files.extractfile(member)
                data = content.read() if content is not None else b""
                if data.startswith(b"PK"):
                    with zipfile.ZipFile(io.BytesIO(data)) as whole:
                        data = whole.read("config.json")
                yield member.name, data


def golden_files() -> dict[str, str]:
    """Layer class -> how many golden files of which Keras hold it."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, data in configs():
        for found in set(CLASS.findall(data)):
            counts[modern_class(found.decode())][era_of(name)] += 1
    return {
        layer: ", ".join(f"{era}: {count}" for era, count in sorted(by_era.items())) for layer, by_era in counts.items()
    }


if __name__ == "__main__":
    print(page(golden_files()), end="")
