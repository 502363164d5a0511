"""Runs the weights file on NumPy: the graph is compiled, for each shape of the inputs, to a flat list of steps.

    graph ──lower──▶ Network ──passes──▶ Network ──kernels──▶ Plan
                     (network.py)        (passes/)  (kernels/)  (plan.py, arena.py)

* `network.py`: ops with the shape of every value; what depends on no input is computed once.
* `passes/`: each rewrites the ops: several nodes become one `Op` of a kind of its own ("gelu"). An `Op` keeps the
  nodes that it stands for; without a kernel they run through the operators of `interchange.ops`. A pass looks at
  `network.precise`: a precise plan may fuse, but not compute in another order than the operators.
* `kernels/`: each file has `KERNELS`, kind of op -> chooser. A chooser looks at an op in a `Context` (shapes, dtypes,
  constants, orders in memory) and returns None (not this one) or a `Kernel`: the scratch memory that it needs, the
  order in which its outputs lie, and `emit(memory)`, which makes the steps `(function, arguments)` on arrays that stay
  where they are. Every array comes from `memory`, and no input may be written to; constants are prepared once, for all
  plans, by `context.network.weights.packed(key, make)`.
* `plan.py`: chooses the kernels, lays out the arena by liveness, runs the steps. `operators.py` runs what has no
  kernel.
* `batches.py`: where threads work and the batch allows it, a plan for each thread's part of it.
* `model.py`: a plan for each input shape seen; inputs or outputs that are not finite run on a precise plan.

Values keep their logical shape; how they lie in memory is an `order` of axes. So a Transpose is a view, an NCHW value
of a convolution lies channels last, and there are no layouts to convert. To add a kernel: write a file in `kernels/`,
name it and its kinds in `kernels/__init__.py`; for a new fusion a file in `passes/`, named in `passes/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from interchange.graph import Graph
    from interchange.plugins import Model


class NumpyBackend:
    """The weights file on NumPy."""

    requires: ClassVar[Mapping[str, str]] = {}
    artifact: ClassVar[str] = "weights"

    @contextmanager
    def open(self, artifact: Path, *, precise: bool = False, threads: int = 1) -> Iterator[Model]:
        """Reads the weights file. Raises as its importer does.

        Args:
            precise: compute everything in the order of the operators, so that NaN and infinity spread as there.
            threads: how many work, on parts of the batch or on the tiles of each kernel. The BLAS is held at one for as
                long as the model is open.

        Raises:
            BadInput: (IX103) fewer than one thread.
        """
        from interchange_weights.format import read

        from interchange.errors import BadInput
        from interchange_numpy.model import NumpyModel
        from interchange_numpy.threads import blas_at_one_thread

        if threads < 1:
            raise BadInput("IX103", f"threads is {threads}; at least 1 is needed.", where="numpy")
        with blas_at_one_thread():
            yield NumpyModel(read(artifact), precise=precise, threads=threads)

    def plan(self, graph: Graph, *, timed: bool = False) -> dict[str, Any]:
        """How a graph is computed at its smallest sizes, batch 1, and with how much memory: what `describe` returns.

        Args:
            timed: run it, and say how long each kernel takes.

        Raises:
            BadInput: (IX212) there are no sizes with which it runs.
        """
        from interchange_numpy.describe import describe

        return describe(graph, timed=timed)
