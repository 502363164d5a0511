"""Damaged Keras files: each is loaded in a process of its own, which has a limit of memory and of time.

    python tests/keras/fuzz.py [COUNT [SEED]]

The files are golden ones, cut off, with bits flipped, with blocks overwritten, or with their architecture edited. One
that loads, or is refused with one error, is well; anything else is told, with the seed that makes it again.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import signal
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from interchange_keras import KerasImporter

from interchange.errors import InterchangeError

GOLDEN = Path(__file__).parent.parent / "golden"
SECONDS = 60
SPARE = 200 << 20  # beside four times the size of the file
STRANGE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 1e308, "", "x" * 300, [], {}, [[]], [1, 2, 3]),
    {"class_name": 1},
)
SEEDS = {
    "keras/models": (
        *("sequential", "branches", "nested_functional", "nested_sequential", "conv2d_groups"),
        "p_re_lu_shared",
    ),
    "keras_calls/options": (
        *("spectral_conv2d", "rnn_stacked_plain", "dense_lora", "node_slice_step"),
        "multi_head_masks",
    ),
    "keras_sequences/models": (
        *("bidirectional_lstm_masked", "time_distributed_conv", "conv_lstm2d", "gru_initial_state"),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What came of a file: "loaded", the code of an error, or what went wrong; and its peak of memory in bytes."""

    what: str
    memory: int
    detail: str = ""

    @property
    def is_well(self) -> bool:
        return self.what == "loaded" or self.what.startswith("IX")


def seeds() -> list[tuple[str, bytes]]:
    """Small files of every kind."""
    found = []
    for table, names in SEEDS.items():
        with tarfile.open(GOLDEN / f"{table}.tar.xz") as archive:
            for entry in archive:
                if entry.name.partition(".")[0] in names:
                    found.append((entry.name, archive.extractfile(entry).read()))
    return sorted(found)


# --- damage ---------------------------------------------------------------------------------------------------------


def damaged(name: str, data: bytes, rng: random.Random) -> bytes:
    kind = rng.choice(("cut", "bits", "block", "repeat", "json", "json", "json"))
    if kind == "cut":
        return data[: rng.randrange(len(data))]
    made = bytearray(data)
    if kind == "bits":
        for _ in range(rng.choice((1, 2, 8, 64))):
            made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
        return bytes(made)
    if kind in ("block", "repeat"):
        at, size = rng.randrange(len(made)), rng.choice((1, 4, 8, 64, 512))
        from_ = rng.randrange(len(made))
        piece = rng.randbytes(size) if kind == "block" else data[from_ : from_ + size]
        made[at : at + len(piece)] = piece
        return bytes(made)
    return _with_edited_json(name, data, rng)


def _with_edited_json(name: str, data: bytes, rng: random.Random) -> bytes:
    if name.endswith(".h5"):
        buffer = io.BytesIO(data)
        with h5py.File(buffer, "r+") as file:
            document = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_edited(document, rng))
        return buffer.getvalue()
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "config.json":
                content = json.dumps(_edited(json.loads(content), rng)).encode()
            new.writestr(member, content)
    return buffer.getvalue()


def _edited(document: Any, rng: random.Random) -> Any:
    """A document with one to three places changed."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        owner, key = rng.choice(list(_places(document)))
        action = rng.choice(("strange", "remove", "swap", "number"))
        if action == "remove":
            del owner[key]
        elif action == "swap":
            other, place = rng.choice(list(_places(document)))
            owner[key] = json.loads(json.dumps(other[place]))
        elif action == "number" and isinstance(owner[key], (int, float)):
            owner[key] = rng.choice((owner[key] + 1, -owner[key], owner[key] * 1000, 10**9))
        else:
            owner[key] = rng.choice(STRANGE)
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    pending = [document]
    while pending:
        item = pending.pop()
        keys = list(item) if isinstance(item, dict) else list(range(len(item))) if isinstance(item, list) else []
        for key in keys:
            yield item, key
            pending.append(item[key])


# --- trial ----------------------------------------------------------------------------------------------------------


def trial(path: Path) -> Outcome:
    """Loads a file in a child of this process."""
    reader, writer = os.pipe()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            signal.alarm(SECONDS)
            what = _load(path)
        except BaseException as error:  # what nobody may see
            what = f"{type(error).__name__}\n{error}"
        os.write(writer, what.encode("utf-8", "replace")[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    _, status, usage = os.wait4(child, 0)
    memory = max((usage.ru_maxrss << 10) - before, 0)
    if os.WIFSIGNALED(status):
        return Outcome(f"signal {os.WTERMSIG(status)}", memory)
    what, _, detail = text.partition("\n")
    if memory > 4 * path.stat().st_size + SPARE:
        return Outcome("memory", memory, what)
    return Outcome(what, memory, detail)


def _load(path: Path) -> str:
    try:
        KerasImporter().load(path)
    except InterchangeError as error:
        return error.code
    return "loaded"


def run(count: int, seed: int, folder: Path) -> Iterator[tuple[int, str, Outcome]]:
    """Each trial: the seed that makes it again, the name of the file, and what came of it."""
    files = seeds()
    KerasImporter().load(_written(folder, *files[0]))  # imports what all need, once
    for number in range(seed, seed + count):
        rng = random.Random(number)
        name, data = rng.choice(files)
        try:
            changed = damaged(name, data, rng)
        except (OSError, RuntimeError, ValueError):  # h5py cannot write what was asked for
            continue
        yield number, name, trial(_written(folder, name, changed))


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / f"damaged{Path(name).suffix}"
    path.write_bytes(data)
    return path


def main(count: int = 2000, seed: int = 0) -> int:
    counts: Counter[str] = Counter()
    most = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, name, outcome in run(count, seed, Path(folder)):
            counts[outcome.what] += 1
            most = max(most, outcome.memory)
            if not outcome.is_well:
                bad += 1
                print(f"seed {number}: {name}: {outcome.what}: {outcome.detail[:300]}", flush=True)
    print(f"{sum(counts.values())} files: {dict(counts.most_common())}; most memory {most >> 20} MiB; {bad} not well")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
