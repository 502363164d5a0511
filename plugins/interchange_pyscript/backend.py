"""Runs scripts in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import numpy as np

from interchange.errors import BadInput, EnvironmentLacks
from interchange.graph import Array, TensorSpec, dtype_of
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
            {entry["name"]: TensorSpec(entry["dtype"], tuple(entry["shape"])) for entry in description[side]}
            for side in ("inputs", "outputs")
        )

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name.

        Raises:
            BadInput: (IX211) the script refuses the feeds.
            EnvironmentLacks: (IX404) it ended without an answer.
        """
        given, made = self._folder / "feeds.npz", self._folder / "outputs.npz"
        # A script takes the arrays of an archive in order where no name is an input's. An archive cannot hold every
        # name that an input may have, so the arrays get names that none has.
        prefix = "arr_"
        while any(name.startswith(prefix) for name in self.inputs):
            prefix += "_"
        arrays = {f"{prefix}{i}": np.asarray(feeds[name]) for i, name in enumerate(self.inputs)}
        np.savez(given, **{name: _storable(array) for name, array in arrays.items()})  # type: ignore[arg-type]
        made.unlink(missing_ok=True)
        self._run(str(given), "--output", str(made))
        with ZipFile(made) as archive:  # not by name: outputs may be called "y" and "y.npy"
            members = [BytesIO(archive.read(member)) for member in archive.infolist()]
        values = [np.lib.format.read_array(member, allow_pickle=False) for member in members]
        return {
            name: value.astype(dtype_of(spec.dtype), copy=False)
            for (name, spec), value in zip(self._outputs.items(), values, strict=True)
        }

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


def _storable(array: Array) -> Array:
    """The array in a dtype that .npy has."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array
