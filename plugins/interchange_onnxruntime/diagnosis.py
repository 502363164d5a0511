"""What `interchange doctor` says of ONNX Runtime. Nothing is taken for granted: it may not even be installed."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from interchange.errors import InterchangeError
from interchange.plugins import ABSENT, BROKEN, WORKS, Finding

# Each of them brings the module `onnxruntime`, with other providers in it.
DISTRIBUTIONS = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-qnn"),
    *("onnxruntime-migraphx", "onnxruntime-rocm", "onnxruntime-silicon", "onnxruntime-training"),
)
CUDA = "CUDAExecutionProvider"
# Built in although what they need (TensorRT, an account) comes from elsewhere: without it they are absent, not broken.
OPTIONAL = ("TensorrtExecutionProvider", "NvTensorRTRTXExecutionProvider", "AzureExecutionProvider")
DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
# y = Identity(x), opset 13: the smallest model that a provider can run.
PROBE = (
    b'\x08\x07:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)


def findings() -> Iterator[Finding]:
    """The packages, then each provider: of this build, and CUDA in any case."""
    found = {name: installed(name) for name in DISTRIBUTIONS if installed(name)}
    for name in dict.fromkeys(("onnxruntime", "onnxruntime-gpu", *found)):
        yield _package(name, found)
    if importlib.util.find_spec("onnxruntime") is None:
        return
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    if CUDA not in providers:
        why = [] if "onnxruntime-gpu" in found else ["the package onnxruntime-gpu is not installed"]
        why += ["there is no NVIDIA driver"] if not has_driver() else []
        yield Finding(CUDA, ABSENT, "; ".join(why) or "this build has it not")
    for provider in providers:
        yield _provider(provider)


def installed(distribution: str) -> str:
    """The version; "" if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _package(name: str, found: dict[str, str]) -> Finding:
    if name not in found:
        return Finding(name, ABSENT)
    others = [other for other in found if other != name]
    if not others:
        return Finding(name, WORKS, found[name])
    return Finding(
        name,
        BROKEN,
        f"{found[name]}, together with {', '.join(others)}: they overwrite each other's files, and neither is whole",
        f"pip uninstall {' '.join(found)}, then install the one that you want.",
    )


def _provider(provider: str) -> Finding:
    """A provider that this build has: it works if it has run a model."""
    import numpy as np

    from interchange_onnxruntime.session import open_session

    with TemporaryDirectory(prefix="interchange-") as folder:
        path = Path(folder, "probe.onnx")
        path.write_bytes(PROBE)
        try:
            model = open_session(path, provider, 1, "all", tf32=False, cpu_nodes=True)
            outputs = model({"x": np.ones(1, np.float32)})
        except InterchangeError as error:
            return _fault(provider, error)
    if outputs["y"].tolist() != [1.0]:
        return Finding(provider, BROKEN, f"the identity of 1 is {outputs['y'].tolist()}")
    return Finding(provider, WORKS, model.provider)


def _fault(provider: str, error: InterchangeError) -> Finding:
    why = "; ".join(error.why) or error.what
    if provider in OPTIONAL:
        return Finding(provider, ABSENT, why)
    if provider == CUDA and not has_driver():
        return Finding(
            provider, BROKEN, f"there is no NVIDIA driver; {why}", "Install the driver, or onnxruntime instead."
        )
    return Finding(
        provider, BROKEN, why, "Install what is named; ONNX Runtime's page on the provider has the versions."
    )


def has_driver() -> bool:
    """Whether the library of NVIDIA's driver can be loaded."""
    try:
        ctypes.CDLL(DRIVERS.get(sys.platform, DRIVERS["linux"]))
    except OSError:
        return False
    return True
