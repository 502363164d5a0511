"""Turn a trained neural network into a form that runs anywhere, and prove that it still computes the same thing."""

from interchange.api import load, open, save, verify
from interchange.errors import BadInput, EnvironmentLacks, InterchangeError, Unsupported

__version__ = "0.1.0"

__all__ = [
    "BadInput",
    "EnvironmentLacks",
    "InterchangeError",
    "Unsupported",
    "__version__",
    "load",
    "open",
    "save",
    "verify",
]
