"""Models for the tests of scripts, and the interpreters that can be found."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from interchange.builder import Builder
from interchange.graph import Graph, Node, TensorSpec

SHAPE_GIVEN = ("Expand", "Pad", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Tile", "Unsqueeze")
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def interpreters(versions: Sequence[str] = VERSIONS) -> dict[str, str]:
    """Every interpreter of a name that we know, on the PATH or installed by pyenv: name -> path."""
    found = {"this": sys.executable}
    roots = [Path(root) for root in [os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"] if root]
    for version in versions:
        places = [place for root in roots for place in sorted((root / "versions").glob(f"{version}.*/bin/python3"))]
        names = [shutil.which(f"python{version}") or ""]
        for place in [*map(str, places), *names]:
            if place and works(place):
                found[version] = place
                break
    pypy = shutil.which("pypy3")
    return found | ({"pypy3": pypy} if pypy and works(pypy) else {})


def works(python: str) -> bool:
    """Whether an interpreter starts; a shim of pyenv may not."""
    return subprocess.run([python, "-I", "-S", "-c", ""], capture_output=True).returncode == 0


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network(metadata: Mapping[str, str] | None = None, prefix: str = "") -> Graph:
    """A small image classifier as Keras makes them: convolution, batch normalisation, a shortcut, dense layers."""
    b = Builder()
    x = b.input(f"{prefix}image", "float32", ("batch", 11, 9, 3))

    def weights(name: str, *shape: int) -> str:
        return b.constant(f"{prefix}{name}", random(len(name), *shape) / np.float32(np.prod(shape[:-1])) ** 0.5)

    def source(name: str) -> str:
        return f"{prefix}{name}"

    x = b.add(
        "Conv",
        [x, weights("conv/kernel", 3, 2, 3, 5), weights("conv/bias", 5)],
        "c",
        source=source("conv (Conv2D)"),
        layout="NHWC",
        auto_pad="SAME_UPPER",
        strides=[2, 1],
    )
    x = b.add("Relu", [x], "r", source=source("conv (Conv2D)"))
    statistics = [weights(f"bn/{part}", 5) for part in ("gamma", "beta", "mean")]
    variance = b.constant(f"{prefix}bn/variance", np.abs(random(4, 5)) + 0.5)
    x = b.add_many(
        "BatchNormalization",
        [x, *statistics, variance],
        ["n"],
        source=source("bn (BatchNormalization)"),
        layout="NHWC",
        epsilon=1e-3,
    )[0]
    y = b.add("Conv", [x, weights("conv_1/kernel", 1, 1, 5, 5)], "c1", source=source("conv_1 (Conv2D)"), layout="NHWC")
    y = b.add("LeakyRelu", [y], "l1", source=source("conv_1 (Conv2D)"), alpha=0.3)
    x = b.add("Add", [y, x], "sum", source=source("add (Add)"))
    x = b.add_many(
        "MaxPool", [x], ["p"], source=source("pool (MaxPooling2D)"), layout="NHWC", kernel_shape=[2, 2], strides=[2, 2]
    )[0]
    x = b.add(
        "Reshape",
        [x, b.constant("shape", np.array([-1, int(np.prod(b.shape(x)[1:]))]))],
        "f",
        source=source("flatten (Flatten)"),
    )
    x = b.add("MatMul", [x, weights("dense/kernel", b.shape(x)[1], 4)], "m", source=source("dense (Dense)"))
    x = b.add("Add", [x, weights("dense/bias", 4)], "a", source=source("dense (Dense)"))
    x = b.add("Softmax", [x], f"{prefix}classes", source=source("dense (Dense)"))
    return b.graph([x], {"name": "small", **(metadata or {})})


def single(op: str, inputs: Sequence[np.ndarray | None], outputs: int = 1, **attributes: Any) -> Graph:
    """One node whose inputs are inputs of the graph, but for those that say a shape: these are constants."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    given = {name: x for name, x in zip(names, inputs, strict=True) if x is not None}
    says_shape = {name for name, x in given.items() if op in SHAPE_GIVEN and x.ndim < 2 and name != "x0"}
    constants = {name: x for name, x in given.items() if name in says_shape or op == "Range"}
    specs = {name: TensorSpec(x.dtype.name, x.shape) for name, x in given.items() if name not in constants}
    made = tuple(f"y{i}" for i in range(outputs))
    return Graph(specs, made, (Node(op, tuple(names), made, attributes, f"layer ({op})"),), constants)


def imported(script: Path) -> Any:
    """The module of a script, as `import` gives it."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(
    script: Path, *arguments: str, python: str = sys.executable, isolated: bool = True
) -> subprocess.CompletedProcess[str]:
    """A script run as a program, on the standard library alone if `isolated`."""
    command = [python, "-I", *(["-S"] if isolated else []), str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=script.parent)
