"""The containers: an .h5 file or a .keras zip becomes a `Source`: who wrote it, the architecture, the weights."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from interchange.errors import BadInput
from interchange.graph import Array
from interchange_keras import ARCHITECTURE, WEIGHTS, begins_as_keras_zip
from interchange_keras.eras import (
    LAST_WITHOUT_VERSION,
    TF_KERAS,
    UNVERSIONED,
    Version,
    backend_of,
    parse_version,
    tensorflow_seen,
)
from interchange_keras.hdf5 import ALWAYS_ALLOWED, MOST_EXPANSION, Hdf5, Section, open_hdf5

ASSETS = "assets/"
CHUNK = 1 << 20
STORE_ROOTS = ("layers", "_layer_checkpoint_dependencies")  # the second by Keras 2.13 and its like


class Group(NamedTuple):
    """What an .h5 file holds for one top-level layer: its weights with their names in the file, in order."""

    layer: str
    weights: tuple[tuple[str, Array], ...]


class Source(NamedTuple):
    """A Keras file, read but not understood.

    Args:
        format: "keras-h5" or "keras-zip"; "keras-weights" for a .weights.h5 of Keras 3.
        keras: the version as the file says it; "" if it does not.
        backend: "tensorflow", "theano" …; "" if the file does not say.
        architecture: {"class_name": …, "config": …}.
        groups: the weights of an .h5 file.
        store: those of a .keras file, by path: "layers/dense/vars/0".
        store_names: the names of layers that it gives by path: {"layers/dense": "my_layer"}.
        assets: files beside the weights, such as vocabularies, by path: "layers/string_lookup/vocabulary.txt".
        version: as numbers, and as far as the architecture tells it.
    """

    format: str
    where: str
    keras: str
    backend: str
    architecture: Mapping[str, Any]
    groups: tuple[Group, ...] = ()
    store: Mapping[str, Array] = MappingProxyType({})
    store_names: Mapping[str, str] = MappingProxyType({})
    assets: Mapping[str, bytes] = MappingProxyType({})
    version: Version = UNVERSIONED

    @property
    def producer(self) -> str:
        writer = f"Keras {self.keras}" if self.keras else "Keras, version not recorded"
        return f"{writer}, backend {self.backend}" if self.backend else writer


def read(path: Path, *, weights: bool = True, architecture: Path | None = None) -> Source:
    """The content of a Keras file.

    Args:
        weights: False reads the architecture alone.
        architecture: a file that says what the layers are, instead of the file itself: the JSON of model.to_json(),
            or a whole model.

    Raises:
        BadInput: (IX101) it cannot be read; (IX203) damaged; (IX204) it holds weights only; (IX205) it refers to other
            files; (IX206) it asks for far more memory than it is large.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            is_zip = zipfile.is_zipfile(path) or begins_as_keras_zip(file.read(64))
    except OSError as error:
        raise BadInput(
            "IX101", "The file cannot be read.", where=str(path), why=error.strerror or str(error)
        ) from error
    given = None if architecture is None else _read_architecture(architecture)
    source = _read_zip(path, size, weights, given) if is_zip else _read_h5(path, weights, given)
    whole = source if given is None else _completed(source, given)
    version = parse_version(whole.keras) if whole.keras else UNVERSIONED
    if given is not None and given.format == "keras-json" and not whole.keras:
        version = LAST_WITHOUT_VERSION
    if version[:4] == (2, 2, 4, TF_KERAS):
        version = (*version, *tensorflow_seen(whole.architecture))
    backend = whole.backend
    if not backend and version < (2,):
        backend = backend_of([name for group in whole.groups for name, _ in group.weights])
    return whole._replace(version=version, backend=backend)


# --- an architecture of its own -------------------------------------------------------------------------------------


def _read_architecture(path: Path) -> Source:
    """The architecture alone, from what model.to_json() gave or from a whole model."""
    where = str(path)
    try:
        with path.open("rb") as file:
            is_model = file.read(4) in (b"PK\x03\x04", b"\x89HDF")
        if is_model:
            return read(path, weights=False)
        data: str | bytes = path.read_bytes()
    except OSError as error:
        raise BadInput(
            "IX101", "The architecture cannot be read.", where=where, why=error.strerror or str(error)
        ) from error
    with suppress(ValueError, RecursionError):
        if isinstance(text := json.loads(data), str):  # json.dump(model.to_json()): JSON within JSON
            data = text
    document = _json_object(data, where, "the architecture")
    if not isinstance(document.get("config"), (dict, list)):
        raise BadInput(
            "IX203",
            "The JSON file is not the architecture of a Keras model.",
            where=where,
            why="it has no 'config'",
            next_step="It is what model.to_json() gives.",
        )
    keras = str(document.get("keras_version") or "")
    if not keras and ("module" in document or "build_config" in document):
        keras = "3"  # which does not say so, but writes these
    return Source("keras-json", where, keras, str(document.get("backend") or ""), document)


def _completed(source: Source, architecture: Source) -> Source:
    """The weights of one file with the architecture of another, which has the word about versions."""
    known = [version for version in (source.keras, architecture.keras) if version]
    if len({parse_version(version) < (2,) for version in known}) > 1:
        raise BadInput(
            "IX203",
            "The weights and the architecture are not of the same Keras.",
            where=f"{source.where}, {architecture.where}",
            why=f"weights: {source.producer}; architecture: {architecture.producer}",
        )
    return source._replace(
        keras=architecture.keras or source.keras,
        backend=architecture.backend or source.backend,
        architecture=architecture.architecture,
    )


# --- .h5 ------------------------------------------------------------------------------------------------------------


def _read_h5(path: Path, weights: bool, given: Source | None) -> Source:
    where = str(path)
    with open_hdf5(path, where) as file:
        config = file.attribute("/", "model_config")
        if config is None and (given is None or not _holds_weights(file)):
            raise _no_architecture(file, where)
        if config is None and not file.has("model_weights") and any(map(file.has, STORE_ROOTS)):
            store, names = _store(file) if weights else ({}, {})  # model.save_weights("x.weights.h5"), Keras 3
            return Source("keras-weights", where, "", "", {}, store=store, store_names=names)
        root = "model_weights" if file.has("model_weights") else ""
        keras = file.attribute("/", "keras_version") or file.attribute(root, "keras_version")
        backend = file.attribute("/", "backend") or file.attribute(root, "backend")
        return Source(
            format="keras-h5",
            where=where,
            keras=str(keras or ""),
            backend=str(backend or ""),
            architecture={} if given is not None else _json_object(str(config), where, "model_config"),
            groups=tuple(_groups(file, root)) if weights else (),
        )


def _groups(file: Hdf5, root: str) -> Iterator[Group]:
    listed = file.names(root, "layer_names") or []
    for layer in dict.fromkeys(
        [*listed, *(("top_level_model_weights",) if file.has(f"{root}/top_level_model_weights") else ())]
    ):
        # a hostile or merely unlucky name with a slash is a path of groups, exactly as Keras wrote it
        names = file.names(f"{root}/{layer}", "weight_names") or []
        yield Group(layer, tuple((name, file.array(f"{root}/{layer}/{name}")) for name in dict.fromkeys(names)))


def _holds_weights(file: Hdf5) -> bool:
    return file.names("/", "layer_names") is not None or any(map(file.has, ("model_weights", *STORE_ROOTS)))


def _no_architecture(file: Hdf5, where: str) -> BadInput:
    if not _holds_weights(file):
        return BadInput(
            "IX203",
            "This HDF5 file is not a Keras model.",
            where=where,
            why="it has neither the attribute model_config nor layer_names",
        )
    return BadInput(
        "IX204",
        "The file holds weights only: it does not say which layers they belong to.",
        where=where,
        why="the attribute model_config is missing, so it was written by save_weights()",
        next_step="Give the architecture: --architecture model.json, which is what model.to_json() returns. Or where "
        "the model is built: model.load_weights(this file), then model.save('model.keras').",
    )


# --- .keras ---------------------------------------------------------------------------------------------------------


def _read_zip(path: Path, size: int, weights: bool, given: Source | None) -> Source:
    where = str(path)
    with _damaged_zip_is_bad_input(where), zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if ARCHITECTURE not in members and given is None:
            raise BadInput(
                "IX204", f"The .keras file has no {ARCHITECTURE}.", where=where, why="the architecture is missing"
            )
        architecture: Mapping[str, Any] = {}
        if given is None:
            architecture = _json_object(_member(archive, members[ARCHITECTURE], size, where), where, ARCHITECTURE)
        metadata: Mapping[str, Any] = {}
        if "metadata.json" in members:
            metadata = _json_object(_member(archive, members["metadata.json"], size, where), where, "metadata.json")
        store: dict[str, Array] = {}
        names: dict[str, str] = {}
        if weights and WEIGHTS in members:
            with open_hdf5(_content(archive, members[WEIGHTS], path, size, where), f"{where}: {WEIGHTS}") as file:
                store, names = _store(file)
        elif weights and any(name.endswith(".weights.json") for name in members):
            raise BadInput("IX203", "The weights are split over several files, which is not supported.", where=where)
        assets = {
            name.removeprefix(ASSETS): _member(archive, info, size, where)
            for name, info in members.items()
            if weights and name.startswith(ASSETS) and not info.is_dir()
        }
    keras = metadata.get("keras_version")
    return Source(
        format="keras-zip",
        where=where,
        keras=str(keras) if keras else "3",  # the format is younger than Keras 2.12; without a word it is today's
        backend="",
        architecture=architecture,
        store=store,
        store_names=names,
        assets=assets,
    )


def members_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """The members of a .keras file but for its arrays, each whole."""
    where, size = str(path), path.stat().st_size
    with _damaged_zip_is_bad_input(where), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.filename != WEIGHTS and not info.is_dir():
                yield info.filename, _member(archive, info, size, where)


def training_of(path: Path) -> Mapping[str, Any]:
    """What an .h5 file says of how the model was compiled: losses, metrics, the optimizer."""
    if zipfile.is_zipfile(path):
        return {}  # it stands beside the architecture
    where = str(path)
    with open_hdf5(path, where) as file:
        text = file.attribute("/", "training_config")
    return {} if text is None else _json_object(text, where, "training_config")


def _store(file: Hdf5) -> tuple[dict[str, Array], dict[str, str]]:
    """Every array below the layers, and the names that the file gives the layers. Optimizer and metrics stay unread."""
    arrays: dict[str, Array] = {}
    names: dict[str, str] = {}
    pending = [root for root in (*STORE_ROOTS, "vars") if file.has(root)]
    while pending:
        path = pending.pop()
        if file.is_array(path):
            arrays[path] = file.array(path)
            continue
        owner, _, last = path.rpartition("/")
        if last == "vars" and (name := file.attribute(path, "name")) is not None:
            names[owner] = str(name)
        pending += [f"{path}/{child}" for child in file.children(path)]
    return arrays, names


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int, where: str) -> bytes:
    if info.file_size > max(MOST_EXPANSION * size, ALWAYS_ALLOWED):
        raise BadInput(
            "IX206",
            "A member of the zip file takes far more memory than the file is large.",
            where=f"{where}: {info.filename}",
            why=f"{info.file_size:,} bytes in a file of {size:,}",
        )
    with archive.open(info) as member:
        return member.read(info.file_size)  # the size declared is a promise that a bomb breaks


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, size: int, where: str) -> bytes | Section:
    """A member as `open_hdf5` takes it: where it is stored as it is, its place in the file, checked but not kept."""
    if info.compress_type != zipfile.ZIP_STORED:
        return _member(archive, info, size, where)
    with archive.open(info) as member:
        while member.read(CHUNK):  # to the end, where the checksum is compared
            pass
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(
            30
        )  # the lengths of what lies before the content: https://pkware.cachefly.net/webdocs/APPNOTE
    skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return Section(path, info.header_offset + 30 + skipped, info.file_size)


@contextmanager
def _damaged_zip_is_bad_input(where: str) -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        RuntimeError,
        NotImplementedError,
        KeyError,
    ) as error:
        raise BadInput(
            "IX203",
            "The .keras file is damaged.",
            where=where,
            why=f"zip: {str(error) or type(error).__name__}",
            next_step="Copy or download it again; compare its size and checksum with the original's.",
        ) from error


def _json_object(data: str | bytes, where: str, what: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput("IX203", f"{what} is not readable JSON.", where=where, why=str(error)) from error
    if not isinstance(document, dict):
        raise BadInput("IX203", f"{what} is not a JSON object.", where=where, why=f"it is {type(document).__name__}")
    return document
