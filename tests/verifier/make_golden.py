"""Writes formats/golden/report: a report that agrees and one that does not, of two small networks.

python tests/verifier/make_golden.py
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from interchange.builder import Builder
from interchange.graph import Graph
from interchange.verifier.report import Report
from interchange.verifier.run import verify

FOLDER = Path(__file__).parents[2] / "formats" / "golden" / "report"
BROKEN = str(Path(__file__).parent / "broken")


def network() -> Graph:
    rng = np.random.default_rng(0)
    b = Builder()
    x = b.input("x", "float32", (None, 3))
    y = b.add(
        "MatMul", [x, b.constant("dense", rng.normal(size=(3, 4)).astype(np.float32))], "d", source="dense (Dense)"
    )
    y = b.add("Softmax", [y], "probs", source="softmax (Softmax)")
    return b.graph([y], {"name": "golden", "labels": '["a", "b", "c", "d"]'})


def reports() -> dict[str, Report]:
    sys.path.insert(0, BROKEN)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [BROKEN, os.environ.get("PYTHONPATH", "")]))
    x = np.random.default_rng(1).normal(size=(12, 3)).astype(np.float32)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npz"
        np.savez(path, x=x, target=np.arange(12) % 4)
        return {
            "agreed": verify(network(), path, backends=["numpy"]),
            "disagreed": verify(
                network(), path, backends=["numpy", "sabotage:PermutedClasses", "sabotage:Crash"], layers=True
            ),
        }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, report in reports().items():
        document = report.to_json()
        document["testset"]["path"] = "samples.npz"
        text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
