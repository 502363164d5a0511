"""The same model on NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from interchange_pyscript.kernels.tensor import Tensor, Weights
from interchange_pyscript.program.model import Model, python_version
from interchange_pyscript.program.weights import WeightsFile


class ArrayModel(Model):
    """A network whose values are NumPy arrays."""

    @property
    def provider(self) -> str:
        """What computes."""
        return f"NumPy {np.__version__} ({python_version()})"

    def prepare(self, file: WeightsFile) -> Weights:
        """The weights as the network takes them."""
        arrays = {
            name: np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
            for name, (dtype, shape, data) in file.tensors.items()
        }
        return Weights(arrays)

    def compute(self, tensors: Sequence[Tensor]) -> Mapping[str, Tensor]:
        """Calls the network with arrays."""
        specs = self.inputs.values()
        arrays = [np.array(x.values, dtype).reshape(x.shape) for (dtype, _), x in zip(specs, tensors)]
        with np.errstate(all="ignore"):  # infinities and NaN are results like others
            outputs = self.network(*arrays, self.weights)
        return {name: Tensor(np.asarray(y).ravel().tolist(), np.shape(y)) for name, y in outputs.items()}
