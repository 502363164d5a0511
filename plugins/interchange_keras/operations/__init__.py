"""What functional models call between layers: operations of keras.ops, one function for each class.

A function gets the arguments of the call as they are: a Tensor for each value, numbers, lists and slices; the options
of the operation are keyword parameters. The tables are OPERATIONS in the modules, by the names of Keras's classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from interchange_keras.layer import LayerFunction, takes_calls_as_written
from interchange_keras.operations import elementwise, nn, reduction, shaping, tensorflow

MODULES = (elementwise, shaping, reduction, nn)

OPERATIONS: Mapping[str, LayerFunction] = MappingProxyType(
    {name: takes_calls_as_written(function) for module in MODULES for name, function in module.OPERATIONS.items()}
)

# Layers of Keras 2 that stand for a function of TensorFlow.
FUNCTION_LAYERS: Mapping[str, LayerFunction] = MappingProxyType(dict(tensorflow.LAYERS))
