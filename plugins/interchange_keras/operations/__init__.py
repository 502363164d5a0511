"""What functional models call between layers: operations of keras.ops, one function for each class.

A function gets the arguments of the call as they are: a Tensor for each value, numbers, lists and slices; the options
of the operation are keyword parameters. The tables are OPERATIONS in the modules, by the names of Keras's classes.
"""

from __future__ import annotations

from interchange.catalogue import Catalogue
from interchange_keras.layer import LayerFunction, takes_calls_as_written

# A module is imported when the first of its operations is met, so those with the most common ones come first.
OPERATIONS: Catalogue[LayerFunction] = Catalogue(
    [f"{__name__}.{m}" for m in ("elementwise", "shaping", "reduction", "nn", "numeric", "arranging", "windows")],
    lambda module: {name: takes_calls_as_written(function) for name, function in module.OPERATIONS.items()},
)

# Layers of Keras 2 that stand for a function of TensorFlow.
FUNCTION_LAYERS: Catalogue[LayerFunction] = Catalogue(
    [f"{__name__}.tensorflow", f"{__name__}.nodes"], lambda module: module.LAYERS
)
