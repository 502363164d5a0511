"""Sessions of ONNX Runtime."""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnxruntime as ort

from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported
from interchange.graph import Array, TensorSpec, dtype_of

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "cpu": "CPUExecutionProvider",
        "coreml": "CoreMLExecutionProvider",
        "cuda": "CUDAExecutionProvider",
        "directml": "DmlExecutionProvider",
        "migraphx": "MIGraphXExecutionProvider",
        "openvino": "OpenVINOExecutionProvider",
        "qnn": "QNNExecutionProvider",
        "rocm": "ROCMExecutionProvider",
        "tensorrt": "TensorrtExecutionProvider",
        "webgpu": "WebGpuExecutionProvider",
        "xnnpack": "XnnpackExecutionProvider",
    }
)
PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "CUDAExecutionProvider": "onnxruntime-gpu",
        "TensorrtExecutionProvider": "onnxruntime-gpu",
        "DmlExecutionProvider": "onnxruntime-directml",
        "OpenVINOExecutionProvider": "onnxruntime-openvino",
        "QNNExecutionProvider": "onnxruntime-qnn",
    }
)
LIBRARIES: Mapping[str, str] = MappingProxyType(
    {"CUDAExecutionProvider": "providers_cuda", "TensorrtExecutionProvider": "providers_tensorrt"}
)
OPTIMIZATIONS = ("all", "extended", "basic", "disable")
CPU = "CPUExecutionProvider"
BINDING = ("CUDAExecutionProvider", "TensorrtExecutionProvider")  # providers whose memory is another
FATAL_ONLY, WARNINGS = 4, 2  # ONNX Runtime's log levels
# Parts of messages that say that the model is right, but not for this ONNX Runtime.
NOT_SUPPORTED = (
    "released onnx opset",
    "max supported IR",
    "not a registered function/op",
    "Exception during initialization",
)
MISSING_KERNEL = re.compile(r"Could not find an implementation for (\w+)\(\d+\) node with name '(.*)'", re.DOTALL)
BINDING_DTYPES = (
    *("float16", "float", "double", "bool", "string"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
BFLOAT16 = 16  # its number in ONNX; NumPy has no such type, so the binding takes and gives only its bits
DTYPES: Mapping[str, str] = MappingProxyType({"float": "float32", "double": "float64", "string": "object"})


def open_session(
    path: Path, provider: str, threads: int | None, optimization: str, *, tf32: bool, cpu_nodes: bool
) -> SessionModel:
    """See `OnnxRuntimeBackend.open`."""
    if optimization not in OPTIMIZATIONS:
        raise BadInput("IX103", f"There is no optimization {optimization!r}.", why=f"known: {', '.join(OPTIMIZATIONS)}")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise BadInput("IX103", f"{threads!r} threads cannot compute.", why="it has to be a whole number from 1 on")
    name = PROVIDERS.get(str(provider).lower(), str(provider))
    if name not in (*PROVIDERS.values(), *ort.get_available_providers()):
        raise BadInput("IX103", f"There is no provider {provider!r}.", why=f"known: {', '.join(PROVIDERS)}")
    if name not in ort.get_available_providers():
        raise _unavailable(name, list(_package_faults(name)))
    if name in BINDING:
        _preload_libraries()
    options = _session_options(threads, optimization, cpu_nodes=cpu_nodes or name == CPU)
    session = _create(path, options, name, {"use_tf32": str(int(tf32))} if name == "CUDAExecutionProvider" else {})
    if session.get_providers()[0] != name:  # ONNX Runtime only warns when a provider fails, and takes the CPU
        raise _unavailable(name, list(_library_faults(name)))
    session.disable_fallback()
    _check_types(session, path)
    return SessionModel(session, name, binds=name in BINDING)


def _preload_libraries() -> None:
    """Loads NVIDIA's libraries where pip puts them (site-packages/nvidia), in which no loader looks by itself.

    What is not there is searched for in the usual places later, when ONNX Runtime needs it, so nothing fails here;
    ONNX Runtime would print what it does not find.
    """
    if hasattr(ort, "preload_dlls"):  # since ONNX Runtime 1.21
        with contextlib.redirect_stdout(io.StringIO()):
            ort.preload_dlls()


def _session_options(threads: int | None, optimization: str, *, cpu_nodes: bool) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{_level(optimization)}")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if threads is not None:
        options.intra_op_num_threads = threads
    if not cpu_nodes:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return options


def _level(optimization: str) -> str:
    return "DISABLE_ALL" if optimization == "disable" else f"ENABLE_{optimization.upper()}"


def _create(path: Path, options: Any, provider: str, provider_options: Mapping[str, str]) -> Any:
    """A session; while it is made, a provider that fails prints to stderr, which would hide our own error."""
    ort.set_default_logger_severity(FATAL_ONLY)
    try:
        return ort.InferenceSession(str(path), options, providers=[(provider, dict(provider_options))])
    except Exception as error:  # ONNX Runtime's errors have no base but Exception
        raise _load_error(path, provider, error) from error
    finally:
        ort.set_default_logger_severity(WARNINGS)


def _load_error(path: Path, provider: str, error: Exception) -> InterchangeError:
    kind, message = type(error).__name__, _message(error)
    missing = MISSING_KERNEL.search(message)
    if missing:
        op, node = missing.groups()
        return Unsupported(
            "IX301",
            f"ONNX Runtime {ort.__version__} has no kernel for {op}{_with_dtypes(path, node)}.",
            where=f"{path}, node {node!r}" if node else str(path),
            why=message,
            next_step="Most operators have kernels for float32; `interchange plugins` lists other backends.",
        )
    if kind == "NotImplemented" or any(sign in message for sign in NOT_SUPPORTED):
        return Unsupported(
            "IX301", f"ONNX Runtime {ort.__version__} has not all that this model needs.", where=str(path), why=message
        )
    if "disable_cpu_ep_fallback" in message or "fallback to CPU EP has been explicitly disabled" in message:
        return Unsupported(
            "IX301",
            f"{provider} has no kernels for some operators of this model.",
            where=str(path),
            why=message,
            next_step="With cpu_nodes=true these run on the CPU.",
        )
    if kind in ("EPFail", "RuntimeError", "RuntimeException") and provider != CPU:
        return _unavailable(provider, [*_library_faults(provider), message])
    return BadInput("IX203", "ONNX Runtime cannot load this model.", where=str(path), why=message)


def _with_dtypes(path: Path, node: str) -> str:
    """The dtypes of a node's inputs in words; "" if they cannot be found out, or the package `onnx` is not there."""
    try:
        import onnx

        graph = onnx.shape_inference.infer_shapes(onnx.load(str(path), load_external_data=False)).graph
    except Exception:  # this is about a message; of what onnx raises nothing is known
        return ""
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    names = [name for proto in graph.node if node and proto.name == node for name in proto.input]
    known = dict.fromkeys(onnx.TensorProto.DataType.Name(types[name]).lower() for name in names if types.get(name))
    dtypes = [DTYPES.get(name, name) for name in known]
    return f" with inputs of {', '.join(dtypes)}" if dtypes else ""


def _check_types(session: Any, path: Path) -> None:
    """ONNX Runtime computes with more types than its Python binding can take and give."""
    values = (*session.get_inputs(), *session.get_outputs())
    known = _binding_types()
    if not any(value.type == "tensor(string)" for value in values):
        known = (*known, "tensor(bfloat16)")
    faults = [f"{value.name!r} is a {value.type}" for value in values if value.type not in known]
    if faults:
        raise Unsupported(
            "IX301", "ONNX Runtime's Python binding cannot take or give these values.", where=str(path), why=faults
        )


def _binding_types() -> tuple[str, ...]:
    return tuple(f"tensor({dtype})" for dtype in BINDING_DTYPES)


def _message(error: Exception) -> str:
    """ONNX Runtime's message without its own prefix, the place in its source and line breaks."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    text = re.sub(r"^Load model from .*? failed: ?", "", text)
    return re.sub(r" ?/\S+?:\d+ [\w:~<> ]+\([^)]*\)(::<lambda\(\)>)?( \[with [^\]]*\])? ", " ", text).strip()


# --- what is missing ------------------------------------------------------------------------------------------------


def _unavailable(provider: str, why: list[str]) -> EnvironmentLacks:
    package = PACKAGES.get(provider)
    return EnvironmentLacks(
        "IX402",
        f"The execution provider {provider} cannot be had here.",
        where=f"ONNX Runtime {ort.__version__}",
        why=why,
        next_step=f"pip uninstall onnxruntime; pip install {package}" if package else "Choose another provider.",
    )


def _package_faults(provider: str) -> Iterator[str]:
    """Why this build of ONNX Runtime does not have a provider."""
    package = PACKAGES.get(provider)
    plain, special = _installed("onnxruntime"), package and _installed(package)
    if plain and special:
        yield f"onnxruntime {plain} and {package} {special} are both installed, and overwrite each other's files"
    elif package and not special:
        yield f"the package {package} is not installed"
    yield f"this build has {', '.join(ort.get_available_providers())}"


def _library_faults(provider: str) -> Iterator[str]:
    """Why a provider that this build has did not start; the loader's message names the library that is missing."""
    library = LIBRARIES.get(provider)
    found = sorted(Path(ort.__file__).parent.glob(f"capi/*onnxruntime_{library}.*")) if library else []
    for path in found:
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            message = str(error)
            if "Provider_GetHost" not in message:  # given by ONNX Runtime itself, so not what is missing
                yield f"a shared library fails to load: {message}"
                return
    yield "ONNX Runtime started without it: no such device, or a driver that is too old"


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


# --- running --------------------------------------------------------------------------------------------------------


class SessionModel:
    """An open session; with `binds` inputs and outputs are bound, which saves copies besides those to a device."""

    def __init__(self, session: Any, provider: str, *, binds: bool = False) -> None:
        self._session = session
        values = (*session.get_inputs(), *session.get_outputs())
        types = {value.type for value in values}
        self._binds = (binds and "tensor(string)" not in types) or "tensor(bfloat16)" in types
        self._outputs = [output.name for output in session.get_outputs()]
        self._run_options = ort.RunOptions()
        self._run_options.log_severity_level = FATAL_ONLY
        self.provider = f"ONNX Runtime {ort.__version__}, {provider}{_elsewhere(session, provider)}"
        self.inputs: Mapping[str, TensorSpec] = MappingProxyType({i.name: _spec(i) for i in session.get_inputs()})

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, in the model's order.

        Raises:
            BadInput: (IX212) ONNX Runtime cannot compute with these inputs.
        """
        try:
            made = (
                self._bound(feeds) if self._binds else self._session.run(self._outputs, dict(feeds), self._run_options)
            )
        except Exception as error:  # ONNX Runtime's errors have no base but Exception
            raise BadInput("IX212", "ONNX Runtime cannot compute with these inputs.", why=_message(error)) from error
        return {name: np.asarray(value) for name, value in zip(self._outputs, made, strict=True)}

    def _bound(self, feeds: Mapping[str, Array]) -> list[Any]:
        binding = self._session.io_binding()
        given = {name: np.asarray(array, order="C") for name, array in feeds.items()}
        for name, array in given.items():
            if array.dtype.name == "bfloat16":
                bits = array.view(np.uint16)
                binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, BFLOAT16))
            else:
                binding.bind_cpu_input(name, array)
        for name in self._outputs:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding, self._run_options)
        return [_array(value) for value in binding.get_outputs()]


def _array(value: Any) -> Array:
    """A copy of a value in the memory of the CPU."""
    if value.element_type() != BFLOAT16:
        return np.asarray(value.numpy())
    size = value.tensor_size_in_bytes()
    bits = (ctypes.c_char * size).from_address(value.data_ptr()) if size else b""
    return np.frombuffer(bits, dtype_of("bfloat16")).reshape(value.shape()).copy()


def _elsewhere(session: Any, provider: str) -> str:
    """Which nodes run on another provider than the one asked for, in words; older versions cannot tell."""
    if provider == CPU or not hasattr(session, "get_provider_graph_assignment_info"):
        return ""
    parts = session.get_provider_graph_assignment_info()
    nodes = [(part.ep_name, node) for part in parts for node in part.get_nodes()]
    others = [node.op_type for ep_name, node in nodes if ep_name != provider]
    if not others:
        return ""
    return f" ({len(others)} of {len(nodes)} nodes on the CPU: {', '.join(sorted(set(others)))})"


def _spec(argument: Any) -> TensorSpec:
    """The spec of an input; names that ONNX Runtime made up are no names."""
    name = argument.type.removeprefix("tensor(").removesuffix(")")
    shape = (None if d is None or (isinstance(d, str) and d.startswith("unk__")) else d for d in argument.shape)
    return TensorSpec(DTYPES.get(name, name), tuple(shape))
