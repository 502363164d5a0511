"""What functional models call between layers: operations of keras.ops, one function for each class."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from interchange_keras.layer import LayerFunction

OPERATIONS: Mapping[str, LayerFunction] = MappingProxyType({})
