"""The rows of what is no layer: keras.ops in models of Keras 3, functions of TensorFlow in models of Keras 2."""

from __future__ import annotations

from typing import Any


def fill(t: Any) -> None:
    """Adds the rows to a table of rows.py."""
