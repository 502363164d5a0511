"""Tensors of ONNX as arrays, from the model file and from files beside it."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from interchange.errors import BadInput
from interchange.graph import Array

# Several of these share a byte in a file.
PACKED = ("int4", "uint4", "int2", "uint2", "float4_e2m1fn")
MOST_DENSE = 1 << 28  # elements of a sparse tensor, zeros included


def dtype_name(elem_type: int) -> str:
    """The NumPy dtype name of ONNX's number; "object" for strings.

    Raises:
        ValueError: there is no such element type, or it is not supported.
    """
    if elem_type == TensorProto.UNDEFINED or elem_type not in TensorProto.DataType.values():
        raise ValueError(f"element type {elem_type}")
    return "object" if elem_type == TensorProto.STRING else str(helper.tensor_dtype_to_np_dtype(elem_type).name)


def to_array(tensor: TensorProto, folder: Path) -> Array:
    """The array of a tensor; one in an external file is memory-mapped.

    Raises:
        BadInput: (IX203) the tensor is damaged; (IX205) its file lies outside `folder`.
    """
    if any(size < 0 for size in tensor.dims):
        raise _damaged(tensor, f"its shape is {list(tensor.dims)}")
    try:
        dtype = dtype_name(tensor.data_type)
        if tensor.data_location == TensorProto.EXTERNAL:
            return _external(tensor, np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)), folder)
        array = numpy_helper.to_array(tensor)
        if dtype == "object":
            return np.array([_text(item) for item in array.ravel()], object).reshape(array.shape)
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise _damaged(tensor, str(error)) from error
    return np.asarray(array)


def sparse_to_array(sparse: SparseTensorProto, folder: Path) -> Array:
    """The array of a sparse tensor, with its zeros.

    Raises:
        BadInput: (IX203) the tensor is damaged; (IX206) it is absurdly large.
    """
    values, indices = to_array(sparse.values, folder), to_array(sparse.indices, folder)
    shape = tuple(sparse.dims)
    if math.prod(shape) > MOST_DENSE:
        raise BadInput("IX206", "A sparse tensor in the ONNX file is too large.", where=sparse.values.name)
    try:
        array = np.zeros(shape, values.dtype)
        places = tuple(indices.T) if indices.ndim == 2 else np.unravel_index(indices, shape)
        array[places] = values
    except (ValueError, IndexError) as error:
        raise _damaged(sparse.values, str(error)) from error
    return array


def _text(item: Any) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)


def _damaged(tensor: TensorProto, why: str) -> BadInput:
    return BadInput("IX203", "A tensor in the ONNX file is damaged.", where=tensor.name, why=why)


def _external(tensor: TensorProto, dtype: np.dtype[Any], folder: Path) -> Array:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _inside(entries.get("location", ""), folder, tensor.name)
    size = math.prod(tensor.dims) * dtype.itemsize
    offset, length = int(entries.get("offset") or 0), int(entries.get("length") or size)
    if dtype.name in PACKED:
        raise ValueError(f"{dtype.name} in an external file is not supported")
    if not path.is_file():
        raise ValueError(f"there is no file {path.name}")
    if length != size or offset < 0 or offset + size > path.stat().st_size:
        raise ValueError(
            f"{size} bytes are needed; the model speaks of {length} from {offset} on in {path.name}, "
            f"which has {path.stat().st_size}"
        )
    if size == 0:
        return np.zeros(tuple(tensor.dims), dtype)
    try:
        return np.memmap(path, dtype, "r", offset, tuple(tensor.dims))
    except OSError as error:
        raise ValueError(f"{path.name}: {error.strerror}") from error


def _inside(location: str, folder: Path, name: str) -> Path:
    """The file of that relative path; it has to lie in the model's own folder, links followed."""
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    is_relative = location and not posix.is_absolute() and not windows.drive and not windows.root
    path = folder / location
    if is_relative and ".." not in windows.parts and "\0" not in location:
        try:
            if path.resolve().is_relative_to(folder.resolve()):
                return path
        except (OSError, RuntimeError):  # a loop of links
            pass
    raise BadInput(
        "IX205",
        "The ONNX file refers to a file outside its own folder.",
        where=name,
        why=f"the values of this tensor are said to be in {location!r}",
        next_step="Only load such a file if you know who made it; put the file beside the model.",
    )
