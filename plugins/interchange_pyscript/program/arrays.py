"""The same model on NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange_pyscript.kernels.tensor import Tensor, Weights
from interchange_pyscript.program.model import Model, Value, python_version
from interchange_pyscript.program.weights import WeightsFile


class ArrayModel(Model):
    """A network whose values are NumPy arrays."""

    @property
    def provider(self) -> str:
        """What computes."""
        return f"NumPy {np.__version__} ({python_version()})"

    def prepare(self, file: WeightsFile) -> Weights:
        """The weights as the network takes them."""

        def read(name: str) -> Any:
            dtype, shape, data = file.tensor(name)
            return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).astype(dtype, copy=False).reshape(shape)

        return Weights(read=read, nodes=file.nodes)

    def compute(self, tensors: Sequence[Value]) -> Mapping[str, Value]:
        """Calls the network with arrays."""
        arrays = [as_array(x, dtype.rpartition(" of ")[2]) for (dtype, _), x in zip(self.inputs.values(), tensors)]
        with np.errstate(all="ignore"):  # infinities and NaN are results like others
            outputs = self.network(*arrays, self.weights)
        return {name: as_tensor(y) for name, y in outputs.items()}


def as_array(value: Value, dtype: str) -> Any:
    """A tensor as an array, a sequence as a list of arrays."""
    if isinstance(value, list):
        return [as_array(element, dtype) for element in value]
    return None if value is None else np.array(value.values, dtype).reshape(value.shape)


def as_tensor(value: Any) -> Value:
    """An array as a tensor, a list of arrays as a sequence; maps of plain numbers."""
    if isinstance(value, list):
        return [as_tensor(element) for element in value]
    if isinstance(value, dict):
        return {key: number.item() if hasattr(number, "item") else number for key, number in value.items()}
    return None if value is None else Tensor(np.asarray(value).ravel().tolist(), np.shape(value))
