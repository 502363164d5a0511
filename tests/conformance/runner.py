"""Runs many scripts in one bare interpreter: `python -I -S runner.py FOLDER`, which holds a folder for each script.

Each folder has model.py, model.safetensors and inputs_*.npz; outputs_*.npz are written beside them, and error.txt where
a script refuses. Standard library only, as for the scripts themselves. Definitions that several scripts have to the
letter are compiled once.
"""

import __future__

import contextlib
import functools
import io
import os
import sys
import traceback
import types

FLAGS = __future__.annotations.compiler_flag


@functools.cache
def compiled(part: str) -> types.CodeType:
    return compile(part, "model.py", "exec", FLAGS, dont_inherit=True)


def imported(folder: str) -> types.ModuleType:
    """The script of a folder as a module: its definitions, which stand two empty lines apart, one after the other."""
    module = types.ModuleType("model")
    module.__file__ = os.path.join(folder, "model.py")
    with open(module.__file__, encoding="utf-8") as file:
        parts = file.read().split("\n\n\n")
    for part in parts:
        exec(compiled(part), module.__dict__)
    return module


def run(folder: str) -> None:
    """Calls the command line of one script for each of its inputs."""
    module = imported(folder)
    for name in sorted(os.listdir(folder)):
        if not name.startswith("inputs_"):
            continue
        files = [os.path.join(folder, name)] if module.MODEL.inputs else []
        made = os.path.join(folder, name.replace("inputs", "outputs"))
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = module.command_line(module.MODEL, [*files, "--output", made], "")
        if code:
            raise RuntimeError(said.getvalue().strip())


def main(root: str) -> None:
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        try:
            run(folder)
        except Exception:
            with open(os.path.join(folder, "error.txt"), "w", encoding="utf-8") as file:
                file.write(traceback.format_exc())


if __name__ == "__main__":
    main(sys.argv[1])
