"""The contracts of plugins, finding them by entry points, and recognising a file by its content.

Our own plugins take the same road as a stranger's: pyproject.toml of a plugin package says

    [project.entry-points."interchange.importers"]
    acme = "interchange_acme:AcmeImporter"

An importer, exporter or backend is a class without constructor arguments. Its module is imported by every command that
looks at a file, so it imports nothing heavy at its top; h5py, onnx and the like belong into the methods.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from interchange.entry_points import EntryPoint, entry_points
from interchange.errors import BadInput, EnvironmentLacks

if TYPE_CHECKING:
    from interchange.graph import Array, Graph, TensorSpec

HEAD_SIZE = 4096
OWN_DISTRIBUTION = "interchange"


class Code(NamedTuple):
    """Something in a file that would be code elsewhere, for `interchange scan`.

    Args:
        layer: where it is; "" where it is in no layer.
        kind: "bytecode", "class", "function", "pickle" …
        name: what it is called there, or how long it is.
        sha256: the digest of its bytes, or of the JSON that names it.
    """

    layer: str
    kind: str
    name: str
    sha256: str


class Importer(Protocol):
    """Entry-point group `interchange.importers`: a model file becomes a Graph.

    It may also have `scan(self, path) -> Iterable[Code]`, which lists what in the file would be code elsewhere, and
    executes nothing.
    """

    requires: ClassVar[Mapping[str, str]]  # module that must be importable -> what to pip install for it

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the content is of this format. `head` is the start of the file, b"" for a folder. Never raises."""
        ...

    def load(self, path: Path, **options: Any) -> Graph:
        """Reads the model. Executes nothing from it. Raises InterchangeError with every problem at once."""
        ...


class Exporter(Protocol):
    """Entry-point group `interchange.exporters`: a Graph becomes an artifact, one or more files."""

    requires: ClassVar[Mapping[str, str]]
    suffix: ClassVar[str]  # of the main file: ".onnx"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the file is an artifact that this exporter (of any version) wrote or could have written."""
        ...

    def save(self, graph: Graph, path: Path, *, force: bool = False, **options: Any) -> list[Path]:
        """Writes the artifact whose main file is `path`, all or nothing (`interchange.files.Artifact`).

        Returns the paths written, the main file first.
        """
        ...


class Model(Protocol):
    """An open model."""

    @property
    def provider(self) -> str:
        """What computes, for reports: "NumPy 2.4.6", "ONNX Runtime 1.31.1, CPUExecutionProvider"."""
        ...

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """The model's inputs, in its order."""
        ...

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, in the model's order and dtypes; `feeds` holds every input in its dtype."""
        ...


class Finding(NamedTuple):
    """One thing that `interchange doctor` tells of a package or a device.

    Args:
        name: what it is about: "CUDAExecutionProvider".
        state: WORKS, ABSENT (not installed, no such device) or BROKEN (installed, and does not work).
        detail: versions, or why.
        next_step: what the user can do.
    """

    name: str
    state: str
    detail: str = ""
    next_step: str = ""


WORKS, ABSENT, BROKEN = "works", "absent", "broken"


class Backend(Protocol):
    """Entry-point group `interchange.backends`: runs an artifact.

    It may also have `diagnose(self) -> Iterable[Finding]`, which tries its devices for `interchange doctor`; what
    `requires` names may be missing then.
    """

    requires: ClassVar[Mapping[str, str]]
    artifact: ClassVar[str]  # name of the exporter whose artifact it runs; "source": the model file itself

    def open(self, artifact: Path, **options: Any) -> AbstractContextManager[Model]:
        """Loads the artifact. A device that cannot be had is an error, never another device."""
        ...


# What a plugin of each group must have; parameters by name.
CONTRACTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "importers": {"recognises": ("path", "head"), "load": ("path",)},
    "exporters": {"recognises": ("path", "head"), "save": ("graph", "path", "force")},
    "backends": {"open": ("artifact",)},
    "testsets": {"recognises": ("path", "head"), "load": ("path",)},
    "operators": {},  # a module of functions; the entry point's name is the domain
    "keras_layers": {},  # a function; the entry point's name is the class's registered name
}
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {"exporters": ("suffix",), "backends": ("artifact",)}


class Plugin:
    """An installed plugin, not necessarily a working one: `fault` says in one line what is wrong with it."""

    def __init__(self, entry_point: EntryPoint, shadowed_by: str = "") -> None:
        self.group, self.name, self.value, self.distribution, self.version = entry_point
        self.entry_point = entry_point
        self.shadowed_by = shadowed_by

    @functools.cached_property
    def _loaded(self) -> tuple[Any, str]:
        if self.shadowed_by:
            return None, f"the name {self.name!r} is taken by {self.shadowed_by}"
        try:
            target = self.entry_point.load()
            faults = list(_contract_faults(self.group, target))
            if faults:
                return None, "; ".join(faults)
            return (target() if inspect.isclass(target) else target), ""
        except (Exception, SystemExit) as error:  # a stranger's module may raise anything
            return None, _in_one_line(error)

    @property
    def fault(self) -> str:
        """Why the plugin does not work at all; "" if it does."""
        return self._loaded[1]

    @property
    def loaded(self) -> Any:
        """The plugin, though packages that it needs may be missing; None if it is broken."""
        return self._loaded[0]

    @property
    def missing(self) -> tuple[str, ...]:
        """What has to be pip-installed before the plugin can be used."""
        requires: Mapping[str, str] = getattr(self._loaded[0], "requires", {})
        return tuple(dict.fromkeys(package for module, package in requires.items() if not _is_importable(module)))

    def get(self) -> Any:
        """The plugin itself.

        Raises:
            EnvironmentLacks: (IX403) it is broken; (IX401) a package that it needs is missing.
        """
        if self.fault:
            raise EnvironmentLacks(
                "IX403",
                f"The plugin {self.name!r} ({self.group}) is broken.",
                where=f"{self.value} of {self.distribution} {self.version}",
                why=self.fault,
                next_step=f"Update or uninstall {self.distribution}.",
            )
        if self.missing:
            raise EnvironmentLacks(
                "IX401",
                f"{self.name!r} needs packages that are not installed.",
                where=f"{self.group[:-1]} {self.name!r} of {self.distribution}",
                why=[f"missing: {package}" for package in self.missing],
                next_step=f"pip install {' '.join(map(_quoted, self.missing))}",
            )
        return self._loaded[0]


def _contract_faults(group: str, target: Any) -> Iterator[str]:
    if group in ("operators", "keras_layers"):
        if group == "keras_layers" and not callable(target):
            yield "not a function"
        if group == "operators" and not inspect.ismodule(target):
            yield "not a module"
        return
    if not inspect.isclass(target):
        yield "not a class"
        return
    for attribute in ATTRIBUTES.get(group, ()):
        if not isinstance(getattr(target, attribute, None), str):
            yield f"no attribute {attribute!r}"
    for method, parameters in CONTRACTS[group].items():
        function = getattr(target, method, None)
        if not callable(function):
            yield f"no method {method}({', '.join(parameters)})"
            continue
        has = inspect.signature(function).parameters
        lacking = [p for p in parameters if p not in has and not (p == "force" and _takes_anything(has))]
        if lacking:
            yield f"{method}() does not take {', '.join(map(repr, lacking))}"


def _quoted(package: str) -> str:
    import shlex

    return shlex.quote(package)


def _in_one_line(error: BaseException) -> str:
    return ": ".join([type(error).__name__, *str(error).split("\n")[:1]]).removesuffix(": ")


def _is_importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # the parent of a.b is missing, or broken
        return False


def _takes_anything(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values())


@functools.cache
def installed(group: str) -> tuple[Plugin, ...]:
    """The plugins of a group ("importers"), our own first, then by distribution and name; none is imported."""
    found = [entry for entry in entry_points() if entry.group == group]
    found.sort(key=lambda entry: (entry.distribution != OWN_DISTRIBUTION, entry.distribution, entry.name))
    owners: dict[str, str] = {}
    result = []
    for entry in found:
        owner = owners.setdefault(entry.name, entry.distribution)
        result.append(Plugin(entry, owner if owner != entry.distribution else ""))
    return tuple(result)


def find(group: str, name: str) -> Any | None:
    """The plugin of that name, or None if there is no working one."""
    return next((p.get() for p in installed(group) if p.name == name and not p.fault), None)


def get(group: str, name: str) -> Any:
    """The plugin of that name.

    Raises:
        BadInput: (IX104) none of that name is installed.
        EnvironmentLacks: (IX401, IX403) it cannot be used.
    """
    candidates = [p for p in installed(group) if p.name == name and not p.shadowed_by]
    if not candidates:
        names = ", ".join(p.name for p in installed(group) if not p.shadowed_by) or "none"
        raise BadInput(
            "IX104", f"There is no {group[:-1]} {name!r}.", why=f"installed: {names}", next_step="interchange plugins"
        )
    return candidates[0].get()


def read_head(path: Path) -> bytes:
    """The first bytes of a file, b"" for a folder.

    Raises:
        BadInput: (IX101) the path does not exist or cannot be read.
    """
    try:
        if path.is_dir():
            return b""
        with path.open("rb") as file:
            return file.read(HEAD_SIZE)
    except OSError as error:
        raise BadInput(
            "IX101", "The path cannot be read.", where=str(path), why=error.strerror or str(error)
        ) from error


def recognise(path: Path, group: str = "importers") -> list[Plugin]:
    """The working plugins of a group that recognise the path by its content.

    Raises:
        BadInput: (IX101) the path does not exist or cannot be read.
    """
    head = read_head(path)
    return [plugin for plugin in installed(group) if not plugin.fault and _recognises(plugin, path, head)]


def _recognises(plugin: Plugin, path: Path, head: bytes) -> bool:
    try:
        return bool(plugin._loaded[0].recognises(path, head))
    except Exception:  # a stranger's method; one that fails does not know the file
        return False


def recognising_fault(plugin: Plugin) -> str:
    """What `recognises` raises, which it must not, for a file or folder of no format; "" if it answers."""
    if plugin.fault or "recognises" not in CONTRACTS[plugin.group]:
        return ""
    for path in (Path(__file__), Path(__file__).parent):
        try:
            plugin._loaded[0].recognises(path, read_head(path))
        except Exception as error:
            return f"recognises() raises {_in_one_line(error)}"
    return ""


def importer_for(path: Path, name: str | None = None) -> Importer:
    """The importer for a path: the named one, or the only one that recognises the content.

    Raises:
        BadInput: (IX101) the path cannot be read; (IX104) no such importer; (IX201) nobody recognises the content;
            (IX202) several do.
        EnvironmentLacks: (IX401, IX403) the importer cannot be used.
    """
    if name is not None:
        read_head(path)
        chosen: Importer = get("importers", name)
        return chosen
    candidates = recognise(path)
    if not candidates:
        raise BadInput(
            "IX201",
            "No importer recognises this file.",
            where=str(path),
            why=_describe(path),
            next_step=f"Formats installed: {', '.join(p.name for p in installed('importers'))}; --from forces one.",
        )
    if len(candidates) > 1:
        raise BadInput(
            "IX202",
            "Several importers recognise this file.",
            where=str(path),
            why=", ".join(f"{p.name} ({p.distribution})" for p in candidates),
            next_step="Choose one with --from.",
        )
    only: Importer = candidates[0].get()
    return only


def _describe(path: Path) -> str:
    if path.is_dir():
        names = sorted(child.name for child in path.iterdir())[:5]
        return f"a folder with {', '.join(names)}" if names else "an empty folder"
    head = read_head(path)
    return f"the file begins with {head[:16]!r}" if head else "the file is empty"
