"""Copies functions out of Python modules, with all that they call, as source text.

So a script holds the very text that the tests have run. Works on modules that are flat: functions, classes and
assignments at the top, imports of names or of whole modules.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType

from interchange.errors import EnvironmentLacks

BEGINS = re.compile(r"[@A-Za-z_]")  # a statement at the top of a module
DEFINES = re.compile(r"(?:def|class) (\w+)|(\w+)(?:: .*)? = ")


@dataclass(frozen=True)
class Definition:
    """A function, class or assignment at the top of a module."""

    module: str
    name: str
    text: str
    uses: frozenset[str]
    is_block: bool  # no assignment


@dataclass(frozen=True)
class Module:
    """The parts of a module: the rows of definitions by name, in order, and what each imported name stands for."""

    definitions: dict[str, range]
    imports: dict[str, ast.Import | ast.ImportFrom]
    rows: list[str]


@dataclass(frozen=True)
class Linked:
    """Definitions to be written one after the other, and the import statements that they need."""

    definitions: tuple[Definition, ...]
    imports: tuple[str, ...]

    @property
    def text(self) -> str:
        """The definitions, under the titles of the modules that they come from."""
        parts = []
        for module, definitions in itertools.groupby(self.definitions, lambda definition: definition.module):
            parts.append(_title(module))
            for is_block, members in itertools.groupby(definitions, lambda definition: definition.is_block):
                texts = [definition.text for definition in members]
                parts += texts if is_block else ["\n".join(texts)]
        return "\n\n\n".join(parts)

    @property
    def names(self) -> set[str]:
        return {definition.name for definition in self.definitions}


def link(
    names: Iterable[str], modules: Iterable[ModuleType], *, own: Collection[str], without: Collection[str] = ()
) -> Linked:
    """The definitions of `names` and, again and again, of what they use.

    Args:
        names: functions to be found in `modules`.
        modules: where to look; definitions are written in this order, and in a module in its own.
        own: packages whose imports are followed; everything else is imported by the script.
        without: decorators to leave out.

    Raises:
        EnvironmentLacks: (IX403) a name is defined twice in different ways, or a module is not flat.
    """
    order = {module.__name__: i for i, module in enumerate(modules)}
    found: dict[str, Definition] = {}
    imports: dict[str, set[str]] = {}
    waiting = [(_home(name, order), name) for name in names]
    seen = set(waiting)
    while waiting:
        home, name = waiting.pop()
        module = parse(home)
        definition = define(home, name, frozenset(without))
        if found.setdefault(name, definition).text != definition.text:
            raise EnvironmentLacks(
                "IX403", f"{name!r} is defined in {found[name].module} and in {home}.", where="modules to copy from"
            )
        for used in sorted(definition.uses):
            statement = module.imports.get(used)
            if used in module.definitions:
                target = (home, used)
            elif isinstance(statement, ast.ImportFrom) and (statement.module or "").partition(".")[0] in own:
                target = (statement.module or "", _original(statement, used))
            else:
                if statement is not None:
                    _add_import(imports, statement, used)
                continue
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    homes = {definition.module for definition in found.values()} & set(order)
    places = {name: i for home in homes for i, name in enumerate(parse(home).definitions)}
    last = len(order)
    ranked = sorted(found.values(), key=lambda d: (order.get(d.module, last), d.module, places.get(d.name, 0)))
    return Linked(tuple(ranked), tuple(sorted_imports(imports)))


def _title(module: str) -> str:
    """A comment line with what the docstring of a module says, up to its first colon or full stop."""
    words = re.split(r"[:.](?:\s|$)", inspect.getdoc(importlib.import_module(module)) or module)[0]
    return f"# --- {' '.join(words.split())} ".ljust(120, "-")


def _home(name: str, order: Iterable[str]) -> str:
    """The module that defines a function; asked of the imported modules, since reading source takes much longer."""
    return next(h for h in order if getattr(getattr(sys.modules.get(h), name, None), "__module__", "") == h)


def _original(statement: ast.ImportFrom, used: str) -> str:
    return next(alias.name for alias in statement.names if (alias.asname or alias.name) == used)


def _add_import(imports: dict[str, set[str]], statement: ast.Import | ast.ImportFrom, used: str) -> None:
    """Notes the import of one name: {"math": {""}, "numpy": {" as np"}, "operator": {"mul"}}."""
    for alias in statement.names:
        if (alias.asname or alias.name) == used:
            renamed = f" as {alias.asname}" if alias.asname else ""
            if isinstance(statement, ast.Import):
                imports.setdefault(alias.name, set()).add(renamed)
            else:
                imports.setdefault(f"from {statement.module}", set()).add(alias.name + renamed)


def merge_imports(parts: Iterable[Iterable[str]]) -> list[str]:
    """Import statements of several texts as one block: sorted as isort does, standard library first."""
    imports: dict[str, set[str]] = {}
    for line in sorted({line for part in parts for line in part}):
        statement = ast.parse(line).body[0]
        assert isinstance(statement, (ast.Import, ast.ImportFrom))
        for alias in statement.names:
            _add_import(imports, statement, alias.asname or alias.name)
    return list(sorted_imports(imports))


def sorted_imports(imports: dict[str, set[str]]) -> Iterator[str]:
    for module in sorted(imports, key=lambda m: (m.startswith("from "), m)):
        if module.startswith("from "):
            names = sorted(imports[module], key=lambda name: (not name.isupper(), not name[0].isupper(), name))
            yield f"{module} import {', '.join(names)}"
        else:
            yield from (f"import {module}{renamed}" for renamed in sorted(imports[module]))


def is_standard(line: str) -> bool:
    """Whether an import statement is of the standard library."""
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names


@functools.cache
def parse(name: str) -> Module:
    """The parts of a module, by its name."""
    rows = inspect.getsource(importlib.import_module(name)).splitlines()
    definitions: dict[str, range] = {}
    imports: dict[str, ast.Import | ast.ImportFrom] = {}
    for part in _statements(rows):
        head = rows[part.start]
        if head.startswith(("import ", "from ")):
            node = _parsed(rows, part)
            assert isinstance(node, (ast.Import, ast.ImportFrom))
            imports |= {(alias.asname or alias.name): node for alias in node.names}
        else:
            first = next((row for row in rows[part.start : part.stop] if DEFINES.match(row)), "")
            if found := DEFINES.match(first):
                definitions[found[1] or found[2]] = part
    return Module(definitions, imports, rows)


def _statements(rows: list[str]) -> Iterator[range]:
    """The rows of every statement at the top of a module.

    Told by their first characters: a whole module takes Python many times as long, and few of its functions are needed.
    """
    start, is_decorated = 0, False
    if rows and rows[0].startswith('"""'):  # what a docstring says is no statement
        start = 1 if rows[0].count('"""') == 2 else 1 + next(i for i in range(1, len(rows)) if '"""' in rows[i])
    for i in range(start, len(rows)):
        if BEGINS.match(rows[i]):
            if i > start and not is_decorated:
                yield range(start, i)
                start = i
            is_decorated = rows[i].startswith("@")
    yield range(start, len(rows))


def _parsed(rows: list[str], part: range) -> ast.stmt:
    """One statement, with the numbers that its lines have in the module."""
    return ast.parse("\n" * part.start + "\n".join(rows[part.start : part.stop])).body[0]


@functools.cache
def define(home: str, name: str, without: frozenset[str]) -> Definition:
    """One definition of a module."""
    module = parse(home)
    node = _parsed(module.rows, module.definitions[name])
    is_block = isinstance(node, (ast.FunctionDef, ast.ClassDef))
    return Definition(home, name, _text(node, module.rows, without), _uses(node, without), is_block)


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _kept(node: ast.stmt, without: frozenset[str]) -> list[ast.expr]:
    """The decorators that stay."""
    decorators = node.decorator_list if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
    return [d for d in decorators if not any(isinstance(n, ast.Name) and n.id in without for n in ast.walk(d))]


def _text(node: ast.stmt, rows: list[str], without: frozenset[str]) -> str:
    """The source, with the comment directly above it and the decorators that stay."""
    first = node.decorator_list[0].lineno if getattr(node, "decorator_list", None) else node.lineno  # type: ignore[attr-defined]
    above = first - 1
    while above and rows[above - 1].startswith("#"):
        above -= 1
    lines = rows[above : first - 1]
    for decorator in _kept(node, without):
        lines += rows[decorator.lineno - 1 : decorator.end_lineno]
    return "\n".join([*lines, *rows[node.lineno - 1 : node.end_lineno]])


def _uses(node: ast.stmt, without: frozenset[str]) -> frozenset[str]:
    """The names that a definition reads, those of annotations included, its own local names left out."""
    dropped = {id(d) for d in getattr(node, "decorator_list", [])} - {id(d) for d in _kept(node, without)}
    read, local = _names_inside([part for part in ast.iter_child_nodes(node) if id(part) not in dropped])
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return frozenset(read.difference(_names_of(node)))
    return frozenset(read - local - {node.name})


def _names_inside(waiting: list[ast.AST]) -> tuple[set[str], set[str]]:
    """The names that syntax trees read, and those that they assign or have as arguments.

    Takes a third of the time of `ast.walk`; it is most of what linking takes.
    """
    read: set[str] = set()
    local: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                read.add(node.id)
            elif isinstance(node.ctx, ast.Store):
                local.add(node.id)
            continue
        if isinstance(node, ast.arg):
            local.add(node.arg)
        for field in vars(node).values():
            if isinstance(field, list):
                waiting += [item for item in field if isinstance(item, ast.AST)]
            elif isinstance(field, ast.AST):
                waiting.append(field)
    return read, local
