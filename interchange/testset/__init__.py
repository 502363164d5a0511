"""Test sets: samples, what is known about them, and how a sample becomes the model's input.

formats/testset.md is the specification. A third party's format is a class in the entry-point group
`interchange.testsets` with `recognises(path, head)` and `load(path)`, which returns `Samples`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from interchange import plugins
from interchange.errors import BadInput, InterchangeError
from interchange.evaluate import conform
from interchange.graph import Array, TensorSpec
from interchange.testset import arrays, folders, idx, pictures, tables
from interchange.testset.samples import MOST_BYTES, Samples, refuse
from interchange.testset.settings import FILE, Preprocessing, Settings, read

__all__ = ["MOST_BYTES", "Preprocessing", "Samples", "Settings", "TestSet", "load"]


@dataclass(frozen=True)
class TestSet:
    """Samples that fit a model.

    Args:
        path: where they are.
        kind: what was recognised, in words.
        labels: index -> name; () where unknown.
        decision: what testset.toml says: argmax, threshold, round, none; None where it does not.
        targets: int64 or float64, one for each sample; None where unknown.
        golden: recorded outputs by name.
        preprocessing: what is done to each input, complete.
        notes: what a report should say about the data.
    """

    __test__ = False  # for pytest, to which a class of this name looks like tests

    path: Path
    kind: str
    labels: tuple[str, ...]
    decision: str | None
    targets: Array | None
    golden: Mapping[str, Array]
    preprocessing: Mapping[str, Preprocessing]
    notes: tuple[str, ...]
    samples: Samples
    inputs: Mapping[str, TensorSpec]

    def __len__(self) -> int:
        return self.samples.count

    def name(self, i: int) -> str:
        """What to call a sample in a report."""
        return self.samples.names[i] if self.samples.names else f"sample {i}"

    def feeds(self, start: int, stop: int) -> dict[str, Array]:
        """The model's inputs for the samples from `start` up to `stop`, preprocessed; only these are read.

        Raises:
            BadInput: (IX220) a sample cannot be read; (IX221) one does not fit the model.
        """
        try:
            return conform(self.inputs, _feeds(self.samples, self.preprocessing, self.inputs, start, stop))
        except BadInput as error:
            if error.code != "IX211":
                raise
            raise BadInput(
                "IX221", "The test set does not fit the model.", where=str(self.path), why=error.why
            ) from error

    def batches(self, size: int, limit: int | None = None) -> Iterator[tuple[int, dict[str, Array]]]:
        """(index of the first sample, feeds) for all samples, or the first `limit`."""
        count = len(self) if limit is None else min(limit, len(self))
        for start in range(0, count, size):
            yield start, self.feeds(start, min(start + size, count))

    def picture(self, i: int) -> Array | None:
        """The sample as a uint8 picture to look at, if it is one."""
        if self.samples.picture is not None:
            return self.samples.picture(i)
        return _as_picture(self.samples, self.preprocessing, i)

    def described(self, name: str) -> str:
        """What is done to an input, in one line."""
        how = self.preprocessing[name]
        return str(how) if self.samples.picture is not None else how.formula("value")

    def digest(self) -> str:
        """SHA-256 over the names and contents of all files of the test set."""
        return digest_of(self.path)


def load(path: Path | str, inputs: Mapping[str, TensorSpec], *, most_bytes: int = MOST_BYTES) -> TestSet:
    """Recognises a test set by its content and fits it to a model's inputs.

    Args:
        path: a file or folder.
        inputs: the model's inputs by name.
        most_bytes: what arrays that cannot be memory-mapped may take.

    Raises:
        BadInput: (IX101) the path cannot be read; (IX205, IX206, IX220, IX221) all faults at once.
        EnvironmentLacks: (IX401) pictures need Pillow.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    plugins.read_head(path)
    settings = read(folder)
    try:
        samples = _samples(path, settings, inputs, most_bytes)
        golden = {**arrays.read_golden(folder, most_bytes), **samples.golden}
    except OSError as error:
        raise BadInput("IX220", "The test set cannot be read.", where=str(path), why=str(error)) from error
    how = {name: _resolved(samples, settings.of(name), spec) for name, spec in inputs.items()}
    labels = settings.labels or samples.labels
    faults = [*_setting_faults(samples, settings, inputs), *_sample_faults(samples, how, golden, labels)]
    refuse("IX221", "The test set does not fit the model.", path, faults)
    result = TestSet(
        path=path,
        kind=samples.kind,
        labels=labels,
        decision=settings.decision,
        targets=samples.targets,
        golden=golden,
        preprocessing=how,
        notes=(*samples.notes, *_notes(samples, settings)),
        samples=samples,
        inputs=inputs,
    )
    result.feeds(0, _first_batch(inputs, samples.count))  # shapes and dtypes that do not fit are found now
    return result


def _samples(path: Path, settings: Settings, inputs: Mapping[str, TensorSpec], most_bytes: int) -> Samples:
    strangers = plugins.recognise(path, "testsets")
    if len(strangers) > 1:
        names = ", ".join(f"{p.name} ({p.distribution})" for p in strangers)
        raise BadInput("IX220", "Several plugins recognise the test set.", where=str(path), why=names)
    if strangers:
        return _from_plugin(strangers[0], path)
    if path.is_dir():
        return _from_folder(path, settings, tuple(inputs), most_bytes)
    if idx.magic(path) == idx.PICTURES:
        return idx.load(path, most_bytes)
    if arrays.is_array_file(path):
        return arrays.load_file(path, tuple(inputs), most_bytes)
    if tables.is_table(path, tuple(inputs)):
        return tables.load(path, inputs, settings.labels)
    raise _unknown(path)


def _from_folder(path: Path, settings: Settings, inputs: tuple[str, ...], most_bytes: int) -> Samples:
    if (path / folders.TARGETS).is_file():
        return folders.load_listed(path, settings.labels)
    if idx.pictures_in(path):
        return idx.load(path, most_bytes)
    if arrays.array_files(path):
        return arrays.load_folder(path, inputs, most_bytes)
    if folders.is_class_folders(path):
        return folders.load_classes(path, settings.labels)
    if folders.is_pictures(path):
        return folders.load_pictures(path)
    raise _unknown(path)


def _from_plugin(plugin: plugins.Plugin, path: Path) -> Samples:
    try:
        samples = plugin.get().load(path)
    except InterchangeError:
        raise
    except Exception as error:  # a stranger's method
        why = f"{type(error).__name__}: {error}"
        raise BadInput("IX220", f"The plugin {plugin.name!r} cannot read it.", where=str(path), why=why) from error
    if not isinstance(samples, Samples):
        why = f"load() returned a {type(samples).__name__} instead of interchange.testset.Samples"
        raise BadInput("IX220", f"The plugin {plugin.name!r} is broken.", where=str(path), why=why)
    return samples


def _unknown(path: Path) -> BadInput:
    return BadInput(
        "IX220",
        "This is not a test set of a known form.",
        where=str(path),
        why="there are no arrays, no idx files and no pictures"
        if path.is_dir()
        else "neither NumPy arrays nor an idx file, nor a table whose header names the model's inputs",
        next_step="See formats/testset.md for the forms.",
    )


def _resolved(samples: Samples, how: Preprocessing, spec: TensorSpec) -> Preprocessing:
    return pictures.resolve(how, spec) if samples.picture else replace(how, dtype=how.dtype or spec.dtype)


def _setting_faults(samples: Samples, settings: Settings, inputs: Mapping[str, TensorSpec]) -> Iterator[str]:
    for name, spec in inputs.items():
        if spec.kind != "tensor":
            yield f"the input {name!r} is {spec}; a test set holds tensors"
    for name in settings.inputs:
        if name and name not in inputs:
            yield f"{FILE} describes the input {name!r}; the model has {', '.join(map(repr, inputs))}"
        if not name and len(inputs) > 1:
            yield f"{FILE} has [input], but the model has {len(inputs)} inputs; write [inputs.NAME]"
        for key in ("size", "colour"):
            if samples.picture is None and getattr(settings.inputs[name], key) is not None:
                yield f"{FILE} states {key}, which is for pictures; these are {samples.kind}"
    if samples.picture is not None and len(inputs) != 1:
        yield f"pictures are for a model with one input; this one has {', '.join(map(repr, inputs))}"


def _sample_faults(
    samples: Samples, how: Mapping[str, Preprocessing], golden: Mapping[str, Array], labels: tuple[str, ...]
) -> Iterator[str]:
    count, targets = samples.count, samples.targets
    if count < 1:
        yield "there are no samples"
    if samples.names and len(samples.names) != count:
        yield f"the counts differ: {count} samples, {len(samples.names)} names"
    if targets is not None and len(targets) != count:
        yield f"the counts differ: {count} samples, {len(targets)} targets"
    elif targets is not None and labels and targets.dtype.kind == "i":
        beyond = [i for i, t in enumerate(targets.tolist()) if not 0 <= t < len(labels)]
        yield from (f"the target of sample {i} is {targets[i]}; there are {len(labels)} labels" for i in beyond)
    for name, array in golden.items():
        if not array.ndim or len(array) != count:
            yield f"the golden output {name!r} has the shape {list(array.shape)}; there are {count} samples"
    for p in how.values():
        channels = {"grey": 1, "rgb": 3, "bgr": 3}.get(p.colour or "")
        for key in ("mean", "std"):
            entries = len(getattr(p, key))
            if channels and entries not in (0, 1, channels):
                yield f"{key} has {entries} entries; the picture has {channels} channel(s)"
    if samples.picture is not None and samples.size is not None and all(p.size is None for p in how.values()):
        sizes = sorted({samples.size(i) for i in range(count)})
        if len(sizes) > 1:
            some = ", ".join(f"{h} × {w}" for h, w in sizes[:4])
            yield f"the pictures differ in size ({some} …) and the model leaves it open; state size in {FILE}"


def _notes(samples: Samples, settings: Settings) -> Iterator[str]:
    if samples.picture is not None and not settings.found:
        yield f"There is no {FILE}: pixels enter the model as 0 … 255."


def _first_batch(inputs: Mapping[str, TensorSpec], count: int) -> int:
    sizes = [spec.shape[0] for spec in inputs.values() if spec.shape and isinstance(spec.shape[0], int)]
    return min([*sizes, count]) if sizes else 1


def _feeds(
    samples: Samples, how: Mapping[str, Preprocessing], inputs: Mapping[str, TensorSpec], start: int, stop: int
) -> dict[str, Array]:
    if samples.picture is not None:
        (name,) = inputs
        rank = len(inputs[name].shape)
        return {name: np.stack([pictures.prepare(samples.picture(i), how[name], rank) for i in range(start, stop)])}
    feeds: dict[str, Array] = {}
    for name, values in samples.arrays.items():
        p = how.get(name or next(iter(inputs)), Preprocessing())
        part = pictures.normalised(np.asarray(values[start:stop]), p, 1 if p.layout == "NCHW" else -1)
        stated = part.dtype.kind == "f" and values.dtype.kind != "f"
        feeds[name or next(iter(inputs))] = pictures.to_dtype(part, p.dtype) if p.dtype and stated else part
    return feeds


def _as_picture(samples: Samples, how: Mapping[str, Preprocessing], i: int) -> Array | None:
    """An array sample of 1 or 3 channels, stretched to 0 … 255."""
    if len(samples.arrays) != 1:
        return None
    ((name, values),) = samples.arrays.items()
    value = np.asarray(values[i])
    if value.dtype.kind not in "iuf" or value.ndim not in (2, 3) or min(value.shape) < 1:
        return None
    if value.ndim == 3:
        first = (name in how and how[name].layout == "NCHW") or value.shape[-1] not in (1, 3)
        value = np.moveaxis(value, 0, -1) if first else value
        if value.shape[-1] not in (1, 3):
            return None
        value = value[..., 0] if value.shape[-1] == 1 else value
    if min(value.shape[:2]) < 4:
        return None
    wide = np.nan_to_num(value.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    return ((wide - low) * (255 / (high - low) if high > low else 0)).round().astype(np.uint8)


def digest_of(path: Path) -> str:
    """SHA-256 over the relative names, sizes and contents of a file or of all files in a folder."""
    files = {path.name: path}
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()
