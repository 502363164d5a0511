"""Functions by name out of a list of modules, of which only those are imported that are needed to find a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TypeVar

Value = TypeVar("Value")


class Catalogue(Mapping[str, Value]):
    """A mapping made of the tables of modules, which are imported one after the other until a name is found.

    A process so pays for the names that it asks for, not for all that there are: modules with common names come first.
    Iterating, and asking for a name that does not exist, imports all.

    Args:
        modules: full names, in the order of search; no two may have a name in common.
        table_of: the table of a module.
    """

    def __init__(self, modules: Sequence[str], table_of: Callable[[ModuleType], Mapping[str, Value]]) -> None:
        self.modules = tuple(modules)
        self._table_of = table_of
        self._tables: dict[str, Mapping[str, Value]] = {}
        self._found: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        if name not in self._found:
            for table in self.tables():
                if name in table:
                    self._found[name] = table[name]
                    break
            else:
                raise KeyError(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        for table in self.tables():
            yield from table

    def __len__(self) -> int:
        return sum(map(len, self.tables()))

    def tables(self) -> Iterator[Mapping[str, Value]]:
        """The tables in order; each module is imported when its turn has come."""
        for module in self.modules:
            if module not in self._tables:
                self._tables[module] = self._table_of(import_module(module))
            yield self._tables[module]
