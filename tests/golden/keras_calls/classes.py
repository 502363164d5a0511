"""Writes classes.json: every class of `keras.layers`, its other names, and the parameters of its constructor.

    python tests/golden/keras_calls/classes.py       # where keras and tensorflow are installed

tests/keras/test_table.py holds the rows of all tables against it, so that no class and no option is forgotten.
"""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")

import keras

REQUIRED = "(required)"


def plain(default: Any) -> Any:
    """A default as JSON; of what is none, its text."""
    try:
        return json.loads(json.dumps(default))
    except TypeError:
        return str(default)


def main() -> None:
    classes: dict[str, Any] = {}
    for alias in sorted(dir(keras.layers)):
        found = getattr(keras.layers, alias)
        if not inspect.isclass(found):
            continue
        parameters = {
            name: REQUIRED if parameter.default is parameter.empty else plain(parameter.default)
            for name, parameter in list(inspect.signature(found.__init__).parameters.items())[1:]
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
        entry = classes.setdefault(found.__name__, {"parameters": parameters, "names": []})
        entry["names"].append(alias)
    lines = [f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}" for name, entry in sorted(classes.items())]
    Path(__file__).with_name("classes.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
