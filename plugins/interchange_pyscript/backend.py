"""Runs scripts in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import numpy as np

from interchange.errors import BadInput, EnvironmentLacks
from interchange.graph import Array, Dimension, TensorSpec, dtype_of
from interchange.plugins import Model


@contextmanager
def open_script(script: Path, python: str | None, flags: Sequence[str]) -> Iterator[Model]:
    """A script ready to be called; see `ScriptBackend.open`."""
    with TemporaryDirectory(prefix="interchange-") as folder:
        yield ScriptModel(script, [python or sys.executable, *flags], Path(folder))


class ScriptModel:
    """A script that is run anew for every call."""

    def __init__(self, script: Path, command: Sequence[str], folder: Path) -> None:
        self._command, self._folder = [*command, str(script.resolve())], folder
        description = json.loads(self._run("--describe"))
        self.provider: str = description["provider"]
        self.inputs, self._outputs = (
            {entry["name"]: spec_of(entry["dtype"], tuple(entry["shape"])) for entry in description[side]}
            for side in ("inputs", "outputs")
        )

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name.

        Raises:
            BadInput: (IX211) the script refuses the feeds.
            EnvironmentLacks: (IX404) it ended without an answer.
        """
        given, made = self._folder / "feeds.npz", self._folder / "outputs.npz"
        write_feeds(given, [feeds[name] for name in self.inputs], self.inputs)
        made.unlink(missing_ok=True)
        self._run(*([str(given)] if self.inputs else []), "--output", str(made), "--no-selftest")
        return read_outputs(made, self._outputs)

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, encoding="utf-8")
        except OSError as error:
            raise EnvironmentLacks(
                "IX402", "The interpreter cannot be started.", where=self._command[0], why=error.strerror or str(error)
            ) from error
        if done.returncode == 2:
            raise BadInput("IX211", "The script refuses its input.", where=self._command[-1], why=done.stderr.strip())
        if done.returncode:
            raise EnvironmentLacks(
                "IX404",
                f"The script ended with exit code {done.returncode}.",
                where=self._command[-1],
                why=done.stderr.strip().splitlines()[-3:],
            )
        return done.stdout


def spec_of(text: str, shape: tuple[Dimension, ...]) -> TensorSpec:
    """The spec that a script tells, such as "float32" or "sequence of float32"."""
    kind, _, dtype = text.rpartition(" of ")
    return TensorSpec(dtype, shape, kind or "tensor")


def write_feeds(path: Path, feeds: Sequence[Any], names: Collection[str]) -> None:
    """Writes inputs, in order, into an archive that a script reads; `names` are those of its inputs.

    A script takes the arrays of an archive in order where no name is an input's. An archive cannot hold every name that
    an input may have, so the arrays get names that none has.
    """
    prefix = "arr_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    arrays: dict[str, Array] = {}
    for i, value in enumerate(feeds):
        if isinstance(value, (list, tuple)):
            arrays |= {f"{prefix}{i}.{k}": _storable(np.asarray(element)) for k, element in enumerate(value)}
        if isinstance(value, (list, tuple)) and not value:
            arrays[f"{prefix}{i}"] = np.zeros(0, np.float32)
        elif not isinstance(value, (list, tuple, type(None))):
            arrays[f"{prefix}{i}"] = _storable(np.asarray(value))
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _storable(array: Array) -> Array:
    """The array in a dtype that .npy has."""
    if array.dtype.kind == "O":
        return array.astype(str)
    if array.dtype.isbuiltin == 1 or array.dtype.kind == "U":
        return array
    return array.astype(np.float32 if "float" in array.dtype.name else np.int16)


def read_outputs(path: Path, specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    """The outputs that a script has written, in the dtypes of the model."""
    with ZipFile(path) as archive:  # in order, not by name: outputs may be called "y" and "y.npy"
        names = [member.filename for member in archive.infolist()]
        members = [BytesIO(archive.read(member)) for member in archive.infolist()]
    values = [np.lib.format.read_array(member, allow_pickle=False) for member in members]
    outputs: dict[str, Any] = {}
    place = 0
    for name, spec in specs.items():
        dtype = np.dtype(object) if spec.dtype == "object" else dtype_of(spec.dtype)
        count = 0
        if spec.kind.endswith("sequence"):
            while names[place + count : place + count + 1] == [f"{name}.{count}.npy"]:
                count += 1
            outputs[name] = [value.astype(dtype) for value in values[place : place + count]]
        elif spec.kind == "tensor" or names[place : place + 1] == [f"{name}.npy"]:
            count = 1
            outputs[name] = values[place].astype(dtype, copy=False)
        else:
            outputs[name] = None
        place += count
    return outputs
