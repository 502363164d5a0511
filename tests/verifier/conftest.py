from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from interchange.builder import Builder
from interchange.graph import Graph

BROKEN = Path(__file__).parent / "broken"
SAMPLES = 37


@pytest.fixture(scope="session")
def toy() -> Graph:
    """A small network with three outputs: probabilities, their logits, and a score between 0 and 1."""
    rng = np.random.default_rng(0)
    b = Builder()

    def constant(name: str, *shape: int, scale: float = 1.0) -> str:
        return b.constant(name, (rng.normal(size=shape) * scale).astype(np.float32))

    x = b.input("x", "float32", (None, 12, 7, 3))
    conv = {"layout": "NHWC", "auto_pad": "SAME_UPPER", "strides": (2, 2), "source": "conv (Conv2D)"}
    y = b.add("Conv", [x, constant("kernel", 3, 3, 3, 5, scale=0.3), constant("bias", 5)], "conv", **conv)
    y = b.add("Relu", [y], "relu", source="relu (ReLU)")
    y = b.add("ReduceMean", [y, b.constant("axes", np.array([1, 2]))], "pool", keepdims=0, source="pool (Pooling)")
    logits = b.add("MatMul", [y, constant("dense", 5, 4)], "logits", source="dense (Dense)")
    probs = b.add("Softmax", [logits], "probs", source="softmax (Softmax)")
    score = b.add("Sigmoid", [b.add("MatMul", [y, constant("v", 5, 1)], "s", source="score")], "score", source="score")
    return b.graph([probs, logits, score], {"name": "toy"})


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples for the toy, with targets."""
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("data") / "samples.npz"
    x = rng.normal(size=(SAMPLES, 12, 7, 3)).astype(np.float32)
    np.savez(path, x=x, target=rng.integers(0, 4, SAMPLES))
    return path


@pytest.fixture(autouse=True, scope="session")
def on_path() -> None:
    """Makes the broken backends importable, here and in the processes of the verifier."""
    sys.path.insert(0, str(BROKEN))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BROKEN), os.environ.get("PYTHONPATH", "")]))
