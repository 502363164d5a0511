"""Copies functions out of Python modules, with all that they call, as source text.

So a script holds the very text that the tests have run. Works on modules that are flat: imports of names or of whole
modules at the top, below them functions, classes and assignments. Modules are read, not imported.
"""

from __future__ import annotations

import functools
import itertools
import re
import symtable
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from interchange.errors import EnvironmentLacks

CONTINUES = " \t#)]}\"'"  # what a row at the top of a module begins with that begins no statement
DEFINES = re.compile(r"(?:(?:def|class) (\w+)|(\w+)(?:: .*)? = )")
IMPORTS = re.compile(r"(?:from ([\w.]+) )?import (.+)")

Target = tuple[str, str]  # a module, and a name that it defines


class Definition(NamedTuple):
    """A function, class or assignment at the top of a module."""

    module: str
    name: str
    text: str
    uses: frozenset[str]
    is_block: bool  # no assignment
    is_type: bool  # an alias, which only type checkers read


class Module(NamedTuple):
    """The parts of a module: the rows of definitions by name, in order, and what each imported name stands for.

    An import is where it comes from and what: ("math", ""), ("numpy", " as np"), ("from operator", "mul").
    """

    definitions: dict[str, range]
    imports: dict[str, tuple[str, str]]
    rows: list[str]


class Linked(NamedTuple):
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
    def without_types(self) -> Linked:
        """The same where Python evaluates no types: aliases are for type checkers alone."""
        definitions: list[Definition] = []
        for before, each in itertools.pairwise((None, *self.definitions)):
            assert each is not None
            follows = before is not None and before.is_type and before.module == each.module
            definitions.append(each._replace(text=_unevaluated(each.text, follows)) if each.is_type else each)
        return self._replace(definitions=tuple(definitions))

    @property
    def names(self) -> set[str]:
        return {definition.name for definition in self.definitions}


def link(
    targets: Iterable[Target],
    order: Sequence[str],
    *,
    own: Collection[str],
    without: Collection[str] = (),
    instead: Mapping[Target, Target] | None = None,
) -> Linked:
    """The definitions of `targets` and, again and again, of what they use.

    Args:
        order: modules; definitions are written in this order, and in a module in its own.
        own: packages whose imports are followed; everything else is imported by the script.
        without: decorators to leave out.
        instead: definitions to write in place of others of the same name, which this script needs less of.

    Raises:
        EnvironmentLacks: (IX403) a name is defined twice in different ways.
    """
    found: dict[str, Definition] = {}
    imports: dict[str, set[str]] = {}
    instead = instead or {}
    waiting = [instead.get(target, target) for target in targets]
    seen = set(waiting)
    while waiting:
        home, name = waiting.pop()
        module = parse(home)
        definition = define(home, name, frozenset(without))
        if found.setdefault(name, definition).text != definition.text:
            raise EnvironmentLacks(
                "IX403", f"{name!r} is defined in {found[name].module} and in {home}.", where="modules to copy from"
            )
        for used in definition.uses:
            source, what = module.imports.get(used, ("", ""))
            if used in module.definitions:
                target = (home, used)
            elif source.startswith("from ") and source[5:].partition(".")[0] in own:
                target = (source[5:], what.partition(" as ")[0])
            else:
                if source:
                    imports.setdefault(source, set()).add(what)
                continue
            target = instead.get(target, target)
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    places = {module: place for place, module in enumerate(order)}
    ranked = sorted(
        set(found.values()),
        key=lambda d: (places.get(d.module, len(places)), d.module, parse(d.module).definitions[d.name].start),
    )
    return Linked(tuple(ranked), tuple(sorted_imports(imports)))


def _unevaluated(text: str, follows: bool) -> str:
    """An alias as type checkers alone see it; one that follows another stands in the same block."""
    return "\n".join([*([] if follows else ["if TYPE_CHECKING:"]), *(f"    {line}" for line in text.split("\n"))])


def _title(module: str) -> str:
    """A comment line with what the docstring of a module says, up to its first colon or full stop."""
    docstring = "\n".join(parse(module).rows).split('"""')[1]
    words = re.split(r"[:.](?:\s|$)", docstring)[0]
    return f"# --- {' '.join(words.split())} ".ljust(120, "-")


# --- imports --------------------------------------------------------------------------------------------------------


def _imported(statement: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The names that an import statement binds, and what they stand for, as in `Module`."""
    found = IMPORTS.match(" ".join(statement.replace("(", " ").replace(")", " ").split()))
    assert found is not None
    source, names = found.groups()
    for name in filter(None, (name.strip() for name in names.split(","))):
        original, _, renamed = name.partition(" as ")
        yield renamed or original, (f"from {source}", name) if source else (original, renamed and f" as {renamed}")


def merge_imports(lines: Iterable[str]) -> list[str]:
    """Import statements as one block: sorted as isort does, standard library first."""
    imports: dict[str, set[str]] = {}
    for line in lines:
        for _, (source, what) in _imported(line):
            imports.setdefault(source, set()).add(what)
    return list(sorted_imports(imports))


def sorted_imports(imports: dict[str, set[str]]) -> Iterator[str]:
    for module in sorted(imports, key=lambda m: (m.startswith("from "), m)):
        if module.startswith("from "):
            names = sorted(imports[module], key=lambda name: (not name.isupper(), not name[0].isupper(), name))
            yield f"{module} import {', '.join(names)}"
        else:
            yield from (f"import {module}{renamed}" for renamed in sorted(imports[module]))


def is_of_types(source: str) -> bool:
    """Whether what is imported from there, "from typing", is for annotations."""
    return source in ("from typing", "from collections.abc")


def is_standard(line: str) -> bool:
    """Whether an import statement is of the standard library."""
    return line.split()[1].partition(".")[0] in sys.stdlib_module_names


# --- modules --------------------------------------------------------------------------------------------------------


@functools.cache
def parse(name: str) -> Module:
    """The parts of a module, by its name.

    Raises:
        EnvironmentLacks: (IX403) its source is not there.
    """
    rows = _source(name).splitlines()
    definitions: dict[str, range] = {}
    imports: dict[str, tuple[str, str]] = {}
    for part in _statements(rows):
        if rows[part.start].startswith(("import ", "from ")):
            imports |= dict(_imported(" ".join(rows[part.start : part.stop])))
        elif found := next(filter(None, map(DEFINES.match, rows[part.start : part.stop])), None):
            definitions[found[1] or found[2]] = part
    return Module(definitions, imports, rows)


def _source(name: str) -> str:
    package, _, module = name.rpartition(".")
    folder = Path(
        str(import_module(package).__file__)
    ).parent  # as importlib finds it, without looking at all of the path
    path = folder / f"{module}.py"
    try:
        return (path if path.is_file() else folder / module / "__init__.py").read_text("utf-8")
    except OSError as error:
        raise EnvironmentLacks(
            "IX403", f"The source of {name} cannot be read, which scripts are made of.", why=str(error)
        ) from error


def _statements(rows: list[str]) -> Iterator[range]:
    """The rows of every statement at the top of a module, without the comments and empty rows between them.

    Told by their first characters: a whole module takes Python many times as long, and few of its functions are needed.
    """
    start, is_decorated = 0, False
    if rows and rows[0].startswith('"""'):  # what a docstring says is no statement
        start = 1 if rows[0].count('"""') == 2 else 1 + next(i for i in range(1, len(rows)) if '"""' in rows[i])
    begins = [i for i in range(start, len(rows)) if rows[i] and rows[i][0] not in CONTINUES]
    for i, following in itertools.pairwise([*begins, len(rows)]):
        if not is_decorated:
            start = i
        is_decorated = rows[i].startswith("@")
        if not is_decorated:
            stop = following
            while rows[stop - 1][:1] in ("", "#"):
                stop -= 1
            yield range(start, stop)


@functools.cache
def define(home: str, name: str, without: frozenset[str]) -> Definition:
    """One definition of a module, with the comment directly above it and the decorators that stay."""
    module = parse(home)
    part = module.definitions[name]
    above = part.start
    while above and module.rows[above - 1].startswith("#"):
        above -= 1
    rows = module.rows[above : part.start]
    stays = True
    for row in module.rows[part.start : part.stop]:
        if row and row[0] not in CONTINUES:
            stays = not row.startswith("@") or re.split(r"\W", row)[1] not in without
        rows += [row] if stays else []
    text = "\n".join(rows)
    is_block = re.search(r"^(def|class) ", text, re.MULTILINE) is not None
    uses = names_in(text) - {name}
    is_type = text.startswith(f"{name} = ") and any(is_of_types(module.imports.get(use, ("", ""))[0]) for use in uses)
    return Definition(home, name, text, uses, is_block, is_type)


def names_in(text: str) -> frozenset[str]:
    """The names that a piece of a module reads and does not make itself within functions; those of annotations, too."""
    names: set[str] = set()
    pending = [symtable.symtable(text, "definition", "exec")]
    while pending:
        table = pending.pop()
        if isinstance(table, symtable.Function):
            names.update(table.get_globals())
        else:
            names.update(s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced())
        pending += table.get_children()
    return frozenset(names)
