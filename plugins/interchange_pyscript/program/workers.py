"""Several processes, each of which computes samples of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.model import Model, Value
from interchange_pyscript.program.numbers import InputError

OWN_MODEL: list[Model] = []  # of a process that computes for another


def begin(model: Model) -> None:
    """What a new process does first."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
    OWN_MODEL.append(model)


def run_part(inputs: Sequence[Value]) -> dict[str, Value]:
    """The outputs for some samples, in a process that has begun."""
    return OWN_MODEL[0].run(inputs)


def all_outputs(model: Model, runs: Iterable[Sequence[Value]], workers: int) -> Iterator[Mapping[str, Value]]:
    """The outputs for each of several inputs, in order; they and the samples in them are shared out to processes.

    Two samples are computed together, too: if that gives something else than each alone, batches stay whole.
    """
    if workers < 2:
        yield from map(model.run, runs)
        return
    whole = list(runs)
    parts = [single_samples(model, inputs) for inputs in whole]
    pair = next(([joined(both) for both in zip(*part[:2])] for part in parts if len(part) > 1), None)
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children

    model.load()  # once, where processes begin as copies of this one
    pool = ProcessPoolExecutor(min(workers, sum(map(len, parts))), initializer=begin, initargs=(model,))
    try:
        made = pool.map(run_part, chain([pair] if pair else [], chain.from_iterable(parts)))
        together = next(made) if pair else {}
        for i, part in enumerate(parts):
            outputs = [next(made) for _ in part]
            if len(part) > 1 and together:
                if not all(alike(together[name], [each[name] for each in outputs[:2]]) for name in model.outputs):
                    yield from pool.map(run_part, whole[i:])
                    return
                together = {}
            yield {name: joined([each[name] for each in outputs]) for name in model.outputs}
    except BrokenProcessPool as error:
        raise InputError("a process ended without an answer; there may not be enough memory for so many") from error
    except BaseException:
        for process in active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def single_samples(model: Model, inputs: Sequence[Value]) -> list[list[Value]]:
    """The inputs cut into single samples, where the model says that all have a batch; else as they are."""
    shapes = [shape[:1] for _, shape in chain(model.inputs.values(), model.outputs.values())]
    tensors = all(isinstance(value, Tensor) and value.shape and value.shape[0] for value in inputs)
    if len(set(shapes)) > 1 or not shapes[0] or not isinstance(shapes[0][0], str) or not tensors:
        return [list(inputs)]
    count = inputs[0].shape[0]
    cut: list[list[Value]] = []
    for i in range(count):
        sizes = [len(x.values) // count for x in inputs]
        cut.append([Tensor(x.values[i * n : (i + 1) * n], (1, *x.shape[1:])) for x, n in zip(inputs, sizes)])
    return cut


def alike(together: Any, alone: Sequence[Any]) -> bool:
    """Whether an output for two samples is that for each of them, but for rounding."""
    if not all(isinstance(tensor, Tensor) and tensor.shape[:1] == (1,) for tensor in alone):
        return False
    if together.shape != (2, *alone[0].shape[1:]) or alone[0].shape != alone[1].shape:
        return False
    pairs = list(zip(together.values, [*alone[0].values, *alone[1].values]))
    most = 1e-4 * max((abs(one) for one, _ in pairs if isinstance(one, float) and abs(one) < math.inf), default=0.0)
    for one, two in pairs:
        if one == two:
            continue
        if isinstance(one, str) or not (abs(one - two) <= most or (math.isnan(one) and math.isnan(two))):
            return False
    return True


def joined(tensors: Sequence[Any]) -> Any:
    """Outputs for several inputs as one, batch after batch."""
    if len(tensors) == 1:
        return tensors[0]
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise InputError("outputs that are no tensors cannot be joined: run the files one by one")
    if len({tensor.shape[1:] for tensor in tensors}) > 1 or not tensors[0].shape:
        raise InputError("the outputs for these files have different shapes: run them one by one")
    values = [value for tensor in tensors for value in tensor.values]
    return Tensor(values, (sum(tensor.shape[0] for tensor in tensors), *tensors[0].shape[1:]))
