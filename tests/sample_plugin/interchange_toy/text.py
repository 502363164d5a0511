"""The .toy format: a network as lines of text.

toy 1
# a comment
input x 4
dense 3 0.5 -1 2 …      a matrix with 3 columns, row after row
bias 0.1 0 -0.25
scale2 -1               times 2 to the power of -1
relu
output y
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interchange.errors import BadInput

# How many numbers follow a verb, at least and at most.
VERBS = {"dense": (2, None), "bias": (1, None), "scale2": (1, 1), "relu": (0, 0)}


@dataclass(frozen=True)
class Network:
    """A chain of steps: (verb, numbers, what to call it in a message)."""

    input: str
    features: int
    steps: tuple[tuple[str, tuple[float, ...], str], ...]
    output: str


def read(path: Path) -> Network:
    """The network in a file.

    Raises:
        BadInput: (TOY1) lines cannot be understood; all of them in one error.
    """
    faults: list[str] = []
    name, features, output = "", 0, ""
    steps: list[tuple[str, tuple[float, ...], str]] = []
    for n, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        words = line.split()
        match words:
            case [] | ["toy", "1"]:
                continue
            case [word, *_] if word.startswith("#"):
                continue
            case ["input", name, size] if size.isdecimal():
                features = int(size)
            case ["output", output]:
                continue
            case [verb, *rest] if verb in VERBS:
                numbers = _numbers(verb, rest)
                if numbers is None:
                    faults.append(f"line {n}: {verb} does not go with {' '.join(rest) or 'nothing'}")
                else:
                    steps.append((verb, numbers, f"line_{n} ({verb})"))
            case _:
                faults.append(f"line {n}: {line.strip()!r} is not understood")
    if not name or not output:
        faults.append("there is no input line, or no output line")
    if faults:
        raise BadInput("TOY1", "This is not a whole .toy network.", where=str(path), why=faults)
    return Network(name, features, tuple(steps), output)


def _numbers(verb: str, words: list[str]) -> tuple[float, ...] | None:
    """The numbers after a verb, None if they do not go with it."""
    least, most = VERBS[verb]
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        return None
    fits = least <= len(numbers) and (most is None or len(numbers) <= most)
    if verb == "dense":
        fits = fits and numbers[0] >= 1 and numbers[0].is_integer() and (len(numbers) - 1) % numbers[0] == 0
    if verb == "scale2":
        fits = fits and numbers[0].is_integer()
    return numbers if fits else None


def write(network: Network, comment: str = "") -> str:
    """The text of a network; the same network gives the same text."""
    lines = ["toy 1"]
    lines += [f"# {line}" for line in comment.splitlines()]
    lines.append(f"input {network.input} {network.features}")
    lines += [" ".join([verb, *map(_word, numbers)]) for verb, numbers, _ in network.steps]
    return "\n".join([*lines, f"output {network.output}", ""])


def _word(number: float) -> str:
    return repr(number).removesuffix(".0")
