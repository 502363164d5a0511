"""Damaged Keras files: each is loaded in a process of its own, which has a limit of memory and of time.

    python tests/keras/fuzz.py [COUNT [SEED]]

The files are golden ones, whole models and weights with an architecture beside them: cut off, with bits flipped, with
blocks overwritten, or with their architecture edited. One that loads, or is refused with one error, is well; anything
else is told, with the seed that makes it again.

Memory is the peak of what the process held (VmHWM of Linux, set back before the file is opened) less what it held then.
Elsewhere it is not read.
"""

from __future__ import annotations

import copy
import io
import json
import os
import random
import signal
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
from interchange_keras import KerasImporter

from interchange.errors import InterchangeError

GOLDEN = Path(__file__).parent.parent / "golden"
SECONDS = 60
SPARE = 200 << 20  # beside four times the size of the file
PROCESS = Path("/proc/self")
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


class Seed(NamedTuple):
    """A file to damage; the architecture is beside it where it holds weights alone."""

    name: str
    data: bytes
    architecture: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a file: "loaded", the code of an error, or what went wrong; and the bytes that it took at most."""

    what: str
    memory: int
    detail: str = ""

    @property
    def is_well(self) -> bool:
        return self.what == "loaded" or (self.what.startswith("IX") and self.what != "IX901")


def seeds() -> list[Seed]:
    """Small files of every kind."""
    found: list[Seed] = []
    for table, names in SEEDS.items():
        with tarfile.open(GOLDEN / f"{table}.tar.xz") as archive:
            for entry in archive:
                if entry.name.partition(".")[0] in names:
                    found.append(Seed(entry.name, archive.extractfile(entry).read()))
    return sorted([*found, *map(_weights_only, found)])


def _weights_only(seed: Seed) -> Seed:
    """What save_weights() and to_json() give of the model."""
    if seed.name.endswith(".h5"):
        buffer = io.BytesIO(seed.data)
        with h5py.File(buffer, "r+") as file:
            architecture = file.attrs["model_config"].encode()
            del file.attrs["model_config"]
        return Seed(f"weights.{seed.name}", buffer.getvalue(), architecture)
    with zipfile.ZipFile(io.BytesIO(seed.data)) as archive:
        name = f"{seed.name.removesuffix('.keras')}.weights.h5"
        return Seed(f"weights.{name}", archive.read("model.weights.h5"), archive.read("config.json"))


# --- damage ---------------------------------------------------------------------------------------------------------


def damaged(seed: Seed, rng: random.Random) -> Seed:
    kind = rng.choice(("cut", "bits", "block", "repeat", "json", "json", "json"))
    if kind == "json" and seed.architecture is not None:
        architecture = json.dumps(_edited(json.loads(seed.architecture), rng)).encode()
        return seed._replace(architecture=architecture)
    if kind == "json":
        return seed._replace(data=_with_edited_json(seed.name, seed.data, rng))
    if seed.architecture is not None and rng.random() < 0.2:
        return seed._replace(architecture=_damaged_bytes(kind, seed.architecture, rng))
    return seed._replace(data=_damaged_bytes(kind, seed.data, rng))


def _damaged_bytes(kind: str, data: bytes, rng: random.Random) -> bytes:
    if kind == "cut":
        return data[: rng.randrange(len(data))]
    made = bytearray(data)
    if kind == "bits":
        for _ in range(rng.choice((1, 2, 8, 64))):
            made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
        return bytes(made)
    at, size = rng.randrange(len(made)), rng.choice((1, 4, 8, 64, 512))
    from_ = rng.randrange(len(made))
    piece = rng.randbytes(size) if kind == "block" else data[from_ : from_ + size]
    made[at : at + len(piece)] = piece
    return bytes(made)


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
        places = list(_places(document))
        if not places:  # all of it was removed
            break
        owner, key = rng.choice(places)
        action = rng.choice(("strange", "remove", "swap", "number"))
        if action == "remove":
            del owner[key]
        elif action == "swap":
            other, place = rng.choice(places)
            owner[key] = json.loads(json.dumps(other[place]))
        elif action == "number" and isinstance(owner[key], (int, float)):
            owner[key] = rng.choice((owner[key] + 1, -owner[key], owner[key] * 1000, 10**9))
        else:
            owner[key] = copy.deepcopy(rng.choice(STRANGE))  # itself would be edited in turn
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


def trial(path: Path, architecture: Path | None = None) -> Outcome:
    """Loads a file in a child of this process."""
    size = path.stat().st_size + (0 if architecture is None else architecture.stat().st_size)
    return in_a_child(lambda: _load(path, architecture), 4 * size + SPARE)


def in_a_child(load: Callable[[], str], room: int) -> Outcome:
    """What `load` says in a child of this process; "memory" if it takes more than `room` bytes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        before = _from_now_on()
        try:
            signal.alarm(SECONDS)
            what = load()
        except BaseException as error:  # what nobody may see
            what = f"{type(error).__name__}\n{error}"
        memory = max(_status("VmHWM") - before, 0)
        os.write(writer, f"{memory}\n{what}".encode("utf-8", "replace")[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return Outcome(f"signal {os.WTERMSIG(status)}", 0)
    memory, what, detail = (*text.split("\n", 2), "")[:3]
    if int(memory) > room:
        return Outcome("memory", int(memory), what)
    return Outcome(what, int(memory), detail)


def _from_now_on() -> int:
    """Sets the peak of this process's memory to what it holds now, which it returns; 0 where nothing tells."""
    if PROCESS.exists():
        (PROCESS / "clear_refs").write_text("5")  # proc(5): resets the peak resident set size
    return _status("VmRSS")


def _status(key: str) -> int:
    if not PROCESS.exists():
        return 0
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{key}:"))


def _load(path: Path, architecture: Path | None) -> str:
    try:
        KerasImporter().load(path, **({} if architecture is None else {"architecture": architecture}))
    except InterchangeError as error:
        return error.code
    return "loaded"


def run(count: int, first: int, folder: Path) -> Iterator[tuple[int, str, Outcome]]:
    """Each trial: the number that makes it again, the name of the file, and what came of it."""
    files = seeds()
    for seed in (files[0], files[-1]):
        _load(*_written(folder, seed))  # imports what all need, once
    for number in range(first, first + count):
        rng = random.Random(number)
        seed = rng.choice(files)
        try:
            changed = damaged(seed, rng)
        except (OSError, RuntimeError, ValueError):  # h5py cannot write what was asked for
            continue
        yield number, seed.name, trial(*_written(folder, changed))


def _written(folder: Path, seed: Seed) -> tuple[Path, Path | None]:
    path = folder / f"damaged{Path(seed.name).suffix}"
    path.write_bytes(seed.data)
    if seed.architecture is None:
        return path, None
    (folder / "damaged.json").write_bytes(seed.architecture)
    return path, folder / "damaged.json"


def main(count: int = 2000, first: int = 0) -> int:
    counts: Counter[str] = Counter()
    most = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, name, outcome in run(count, first, Path(folder)):
            counts[outcome.what] += 1
            most = max(most, outcome.memory)
            if not outcome.is_well:
                bad += 1
                print(f"seed {number}: {name}: {outcome.what}: {outcome.detail[:300]}", flush=True)
    print(f"{sum(counts.values())} files: {dict(counts.most_common())}; most memory {most >> 20} MiB; {bad} not well")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
