"""Plain Python scripts against nested loops, sum(map(mul)), our NumPy backend and ONNX Runtime on one thread.

    python tests/benchmarks/pyscript.py [--rounds 7] [--python pypy3 ...] [--plot docs/pyscript-speed.svg] [NETWORK ...]
    python tests/benchmarks/pyscript.py --cold [--rounds 15]

CPU seconds of one sample, all variants in turn in one process, medians of the rounds; ratios are medians of the ratios
of the rounds. The networks are those of docs/examples, an LSTM and a block of MobileNetV2. `--cold` measures whole
processes: the script's first answer, against one that only imports NumPy.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # before NumPy is imported

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import interchange  # noqa: E402
from interchange import testset  # noqa: E402
from interchange.builder import Builder  # noqa: E402
from interchange.evaluate import evaluate, widen  # noqa: E402
from interchange.graph import Graph  # noqa: E402
from tests.benchmarks.pyscript_peers import measured, variants_of  # noqa: E402

EXAMPLES = ROOT / "docs" / "examples"


def example(name: str) -> Callable[[], Graph]:
    return lambda: interchange.load(EXAMPLES / name / f"{name}.h5")


def he(b: Builder, rng: np.random.Generator, name: str, *shape: int) -> str:
    """Random weights that keep the size of what they are multiplied with."""
    fan = np.prod(shape[:-1])
    return b.constant(name, (rng.normal(size=shape) * np.sqrt(2 / fan)).astype(np.float32))


def lstm() -> Graph:
    """LSTM(64) over 50 steps of 24 features, and a dense layer."""
    rng, b = np.random.default_rng(4), Builder()
    x = b.input("steps", "float32", (1, 50, 24))
    w, r = (b.constant(n, rng.normal(size=(1, 256, k)).astype(np.float32) / 8) for n, k in (("w", 24), ("r", 64)))
    bias = b.constant("b", rng.normal(size=(1, 512)).astype(np.float32) / 8)
    _, h, _ = b.add_many("LSTM", [x, w, r, bias], ["y", "h", "c"], source="lstm (LSTM)", hidden_size=64, layout=1)
    h = b.add("Reshape", [h, b.constant("shape", np.array([-1, 64]))], "flat", source="lstm (LSTM)")
    y = b.add("Gemm", [h, he(b, rng, "dense/kernel", 64, 6), he(b, rng, "dense/bias", 6)], "y6", source="dense (Dense)")
    return b.graph([b.add("Softmax", [y], "classes", source="dense (Dense)")], {"name": "lstm"})


def mobile_block() -> Graph:
    """An inverted residual block of MobileNetV2 (Sandler et al., 2018): 28 x 28 x 32, expansion 6, with a shortcut."""
    rng, b = np.random.default_rng(5), Builder()
    x = image = b.input("image", "float32", (1, 28, 28, 32))

    def layer(x: str, name: str, kernel: tuple[int, ...], **attributes: Any) -> str:
        weights = he(b, rng, f"{name}/kernel", *kernel), he(b, rng, f"{name}/bias", kernel[-1])
        return b.add("Conv", [x, *weights], name, source=f"{name} (Conv2D)", layout="NHWC", **attributes)

    def relu6(x: str) -> str:
        low, high = b.constant("low", np.float32(0)), b.constant("high", np.float32(6))
        return b.add("Clip", [x, low, high], f"{x}_6", source=f"{x} (ReLU)")

    x = relu6(layer(x, "expand", (1, 1, 32, 192)))
    x = relu6(layer(x, "depthwise", (3, 3, 1, 192), group=192, auto_pad="SAME_UPPER"))
    x = layer(x, "project", (1, 1, 192, 32))
    return b.graph([b.add("Add", [image, x], "sum", source="add (Add)")], {"name": "mobile_block"})


NETWORKS: Mapping[str, Callable[[], Graph]] = {
    "cats_dogs": example("cats_dogs"),
    "digits": example("digits"),
    "dots": example("dots"),
    "clouds": example("clouds"),
    "lstm": lstm,
    "mobile_block": mobile_block,
}


def sample_of(network: str, graph: Graph) -> dict[str, np.ndarray]:
    """One sample: the first of an example's test set, or numbers between 0 and 1."""
    (name, spec), *_ = graph.inputs.items()
    if (EXAMPLES / network / "testset").is_dir():
        return testset.load(EXAMPLES / network / "testset", graph.inputs).feeds(0, 1)
    return {name: np.random.default_rng(7).random([int(size) for size in spec.shape], np.float32)}  # type: ignore[arg-type]


def written(graph: Graph, feed: Mapping[str, np.ndarray], folder: Path) -> None:
    """The scripts of a network in both styles, and an input."""
    for style in ("plain", "fast"):
        (folder / style).mkdir(parents=True)
        interchange.save(graph, folder / style / "model.py", to="pyscript", style=style)
    (folder / "x.json").write_text(json.dumps(next(iter(feed.values())).tolist()))


def table(title: str, times: Mapping[str, list[float]], errors: Mapping[str, float]) -> None:
    print(f"\n{title}")
    print(f"{'':16} {'ms':>10} {'x naive':>9} {'x summap':>9} {'error':>9}")
    for name, own in times.items():
        ratios = [
            statistics.median(p / o for p, o in zip(times[peer], own, strict=True))
            for peer in ("naive", "sum(map(mul))")
        ]
        error = f"{errors[name]:9.1e}" if name in errors else ""
        print(f"{name:16} {statistics.median(own) * 1e3:10.2f} {ratios[0]:9.1f} {ratios[1]:9.1f} {error}", flush=True)


def measure(name: str, rounds: int, pythons: list[str]) -> dict[str, list[float]]:
    """Times one network and prints its tables; the times by this interpreter."""
    graph = NETWORKS[name]()
    feed = sample_of(name, graph)
    exact = next(iter(evaluate(widen(graph), feed).values()))
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as opened:
        folder = Path(temporary)
        written(graph, feed, folder)
        variants = variants_of(folder)
        for backend, options in (("numpy", {}), ("onnxruntime", {"threads": 1})):
            model = opened.enter_context(interchange.open(graph, backend=backend, **options))
            variants[backend] = lambda model=model: model(feed)  # type: ignore[misc]
        times, results = measured(variants, rounds)
        errors = {}
        for variant, result in results.items():
            got = next(iter(result.values())) if isinstance(result, dict) else result
            errors[variant] = float(np.abs(np.asarray(got) - exact).max() / np.abs(exact).max())
        table(f"{name}, {sys.implementation.name} {sys.version.split()[0]}", times, errors)
        for python in pythons:
            command = [python, str(Path(__file__).with_name("pyscript_peers.py")), str(folder), "--rounds", str(rounds)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            table(f"{name}, {python}", json.loads(done.stdout), {})
    return times


# --- whole processes ------------------------------------------------------------------------------------------------


def cpu_of(command: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def portable(image: np.ndarray) -> bytes:
    """A picture of values from 0 to 1 as a PPM or PGM file."""
    height, width, channels = image.shape
    kind = b"P6" if channels == 3 else b"P5"
    return b"%s %d %d 255\n" % (kind, width, height) + np.rint(image * 255).astype(np.uint8).tobytes()


def with_scale(graph: Graph) -> Graph:
    """The graph with what its pictures are: pixels from 0 to 255 for numbers from 0 to 1."""
    return replace(graph, metadata={**graph.metadata, "preprocessing": json.dumps({"scale": 1 / 255})})


def cold(rounds: int) -> None:
    """From the start of the interpreter to the first answer for one picture, against `python -c "import numpy"`.

    OpenBLAS starts a thread for each core when NumPy is imported; with one thread, that is shorter.
    """
    with tempfile.TemporaryDirectory() as temporary:
        bare = [sys.executable, "-c", "import numpy"]
        commands = {
            "import numpy": ["env", "-u", "OPENBLAS_NUM_THREADS", "-u", "OMP_NUM_THREADS", *bare],
            "with one thread": bare,
            "python": [sys.executable, "-c", "pass"],
        }
        for name in ("cats_dogs", "digits", "dots"):
            folder = Path(temporary) / name
            graph = with_scale(NETWORKS[name]())
            feed = sample_of(name, graph)
            written(graph, feed, folder)
            picture = folder / "picture.ppm"
            picture.write_bytes(portable(next(iter(feed.values()))[0]))
            for style in ("plain", "fast"):
                commands[f"{name} {style}"] = [sys.executable, str(folder / style / "model.py"), str(picture)]
            # As a module, whose compiled form Python keeps in __pycache__.
            commands[f"{name} fast, -m"] = [
                "env",
                "-C",
                str(folder / "fast"),
                sys.executable,
                "-m",
                "model",
                str(picture),
            ]
        times: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                taken = cpu_of(command)
                if number:  # the first warms the file cache and computes the golden case
                    times[name].append(taken)
    peers = ("import numpy", "with one thread")
    print(f"{'':18} {'CPU ms':>8}", *(f"{'/ ' + peer:>18}" for peer in peers))
    for name, own in times.items():
        ratios = (statistics.median(o / p for o, p in zip(own, times[peer], strict=True)) for peer in peers)
        print(f"{name:18} {statistics.median(own) * 1e3:8.1f}", *(f"{ratio:18.2f}" for ratio in ratios))


# --- the plot -------------------------------------------------------------------------------------------------------

COLOURS = {"naive": "#b8b8b8", "sum(map(mul))": "#8fa9c4", "plain": "#3d7ab8", "fast": "#d9542b"}
OTHERS = {"numpy": "#6b8f5e", "onnxruntime": "#3f5e36"}


def plot(all_times: Mapping[str, Mapping[str, list[float]]], path: Path) -> None:
    """Bars of milliseconds on a logarithmic scale, as SVG."""
    colours = COLOURS | OTHERS
    left, wide, bar, gap = 120, 560, 15, 18
    lowest, highest = 1e-5, 20.0
    scale = wide / np.log10(highest / lowest)
    parts, y = [], 50
    for name, times in all_times.items():
        parts.append(f'<text x="{left - 10}" y="{y + len(times) * bar / 2 + 4}" text-anchor="end">{name}</text>')
        for variant, own in times.items():
            value = statistics.median(own)
            width = max(float(np.log10(value / lowest)) * scale, 1.0)
            parts.append(f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{bar - 2}" fill="{colours[variant]}"/>')
            label = f"{value * 1e3:,.0f}" if value >= 0.01 else f"{value * 1e3:.2g}"
            parts.append(f'<text x="{left + width + 5:.1f}" y="{y + 10}" class="s">{label} ms</text>')
            y += bar
        y += gap
    legend = []
    x = left
    for variant, colour in colours.items():
        legend.append(f'<rect x="{x}" y="16" width="11" height="11" fill="{colour}"/>')
        legend.append(f'<text x="{x + 16}" y="26" class="s">{variant}</text>')
        x += 36 + 7 * len(variant)
    size = f'width="{left + wide + 90}" height="{y + 8}"'
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
        "<style>text{font-size:13px;fill:#333}.s{font-size:11px}</style>",
        f'<rect {size} fill="white"/>',
        *legend,
        f'<text x="{left}" y="{y - 2}" class="s">CPU time of one sample; the scale is logarithmic</text>',
        *parts,
        "</svg>",
    ]
    path.write_text("\n".join(svg) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--python", action="append", default=[], help="another interpreter, such as pypy3")
    parser.add_argument("--plot", type=Path, help="where to draw the times")
    parser.add_argument("--cold", action="store_true", help="measure whole processes instead")
    options = parser.parse_args()
    if options.cold:
        cold(options.rounds)
        return
    names = options.networks or list(NETWORKS)
    all_times = {name: measure(name, options.rounds, options.python) for name in names}
    if options.plot:
        plot(all_times, options.plot)


if __name__ == "__main__":
    main()
