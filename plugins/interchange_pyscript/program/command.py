"""The command line of a script."""

from __future__ import annotations

import io
import math
import os
import sys
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.files import (
    read_csv,
    read_json,
    read_npy,
    read_npz,
    to_nested,
    write_npz,
)
from interchange_pyscript.program.model import Model, named, shape_text, value_of
from interchange_pyscript.program.numbers import InputError
from interchange_pyscript.program.pictures import read_png, read_pnm
from interchange_pyscript.program.prepare import prepared_image, whole_pixels
from interchange_pyscript.program.workers import all_outputs, joined


class Options:
    """What the command line asks for."""

    inputs: Sequence[str] = ()
    json = selftest = no_selftest = describe = False
    workers = 1
    output: str | None = None


def options_of(arguments: Sequence[str], program: str, help_text: str, takes_files: bool) -> Options:
    """The arguments of the command line; a wrong call is reported in one line."""
    options = Options()
    if arguments and takes_files and not any(argument.startswith("-") for argument in arguments):
        options.inputs = list(arguments)  # without argparse, whose import takes as long as a small network
        return options
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            self.exit(2, f"{self.prog}: {message} (--help)\n")

    parser = Parser(prog=program, description=help_text, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help=".npy, .npz, .png, .ppm, .pgm, .csv or .json")
    parser.add_argument("--json", action="store_true", help="print the outputs as JSON")
    parser.add_argument("--output", metavar="FILE.npz", help="write the outputs to a file that NumPy can load")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="share files and samples out to N processes"
    )
    parser.add_argument("--selftest", action="store_true", help="compute the golden case and compare")
    parser.add_argument("--no-selftest", action="store_true", help="do not do so before the first use")
    parser.add_argument("--describe", action="store_true", help="print inputs, outputs and labels as JSON")
    parser.parse_args(arguments, options)
    if takes_files and not (options.inputs or options.describe or options.selftest):
        parser.error("an INPUT is missing")
    if options.workers < 1:
        parser.error("--workers takes a number from 1 on")
    return options


def command_line(model: Model, arguments: Sequence[str], help_text: str) -> int:
    """Runs the command line; returns the exit code: 0 done, 1 self-test failed, 2 an input cannot be used."""
    program = f"{model.name}.py"
    try:
        try:
            return answer(model, options_of(arguments, program, help_text, bool(model.inputs)))
        finally:
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.flush()
    except BrokenPipeError:  # who reads the output has had enough
        discard_output()
        return 1
    except (InputError, OSError) as error:
        discard_output()
        reason = str(error)
    except MemoryError:
        reason = "there is not enough memory for this"
    except RecursionError:
        reason = "this is nested too deeply"
    except KeyboardInterrupt:
        discard_output()
        return 130
    print(f"{program}: {reason}", file=sys.stderr)
    return 2


def answer(model: Model, options: Options) -> int:
    """Does what the command line asks for; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label may have characters that the terminal lacks
    if options.describe:
        import json

        print(json.dumps(description(model), indent=1))
    elif options.selftest:
        return report_self_test(model)
    else:
        if not options.no_selftest and not passes_first_use(model):
            return 1
        run_files(model, options)
    return 0


def discard_output() -> None:
    """Forgets output that cannot be written, which Python would try again, and complain, at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def description(model: Model) -> dict[str, Any]:
    """The signature of the model."""
    inputs, outputs = (
        [{"name": name, "dtype": dtype, "shape": list(shape)} for name, (dtype, shape) in signature.items()]
        for signature in (model.inputs, model.outputs)
    )
    return {
        "name": model.name,
        "inputs": inputs,
        "outputs": outputs,
        "labels": list(model.labels),
        "preprocessing": model.preprocessing,
        "provider": model.provider,
    }


def report_self_test(model: Model) -> int:
    """Computes the golden case, inputs whose outputs are known, and says how it went."""
    try:
        faults = model.self_test()
    except InputError as error:
        faults = [str(error)]
    for fault in faults:
        print(f"self-test failed: {fault}", file=sys.stderr)
    if not faults:
        print(f"self-test passed: {model.name} on {model.provider}")
        strange = model.without_numbers()
        if strange:
            print(f"note: the model's outputs are not numbers: {named(strange)} (all NaN)", file=sys.stderr)
    return 1 if faults else 0


def passes_first_use(model: Model) -> bool:
    """Runs the golden case, if there is one, unless this script has passed it before with this Python.

    That is remembered by an empty file in the user's folder for such things; where none can be written, not at all.
    """
    folder = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    with open(__file__, "rb") as file:
        script = zlib.crc32(file.read())
    name = f"{script:08x}-{model.checksum:08x}-{sys.implementation.cache_tag}"
    marker = os.path.join(folder, "interchange", "selftest", name)
    if os.path.exists(marker) or model.load().golden() is None:
        return True
    faults = model.self_test()
    for fault in faults:
        print(f"self-test before the first use failed: {fault} (--no-selftest goes on without)", file=sys.stderr)
    if not faults:
        try:
            os.makedirs(os.path.dirname(marker), exist_ok=True)
            with open(marker, "xb"):
                pass
        except OSError:
            pass
    return not faults


def run_files(model: Model, options: Options) -> None:
    """Computes the outputs for the files; for a model with one input, file after file."""
    runs = [[path] for path in options.inputs] if len(model.inputs) == 1 else [options.inputs]
    collected: dict[str, list[Any]] = {name: [] for name in model.outputs}
    inputs = (model.checked(read_inputs(model, paths)) for paths in runs)
    for paths, outputs in zip(runs, all_outputs(model, inputs, options.workers)):
        for name, tensor in outputs.items():
            collected[name].append(tensor)
        if not options.json and not options.output:
            show(model, outputs, paths[0] if len(runs) > 1 else "")
    merged = {name: (model.outputs[name][0], joined(tensors)) for name, tensors in collected.items()}
    if options.json:
        print(json_text({name: plain_json(to_nested(tensor)) for name, (_, tensor) in merged.items()}))
    if options.output:
        arrays: dict[str, tuple[str, Tensor]] = {}
        for name, (dtype, value) in merged.items():
            arrays.update(members_of(name, dtype, value))
        write_npz(options.output, arrays)


def members_of(name: str, dtype: str, value: Any) -> dict[str, tuple[str, Tensor]]:
    """An output as the arrays of an archive: those of a sequence are called "name.0", "name.1" and so on."""
    element = dtype.rpartition(" of ")[2]
    if isinstance(value, Tensor):
        return {name: (element, value)}
    if value is None or (isinstance(value, list) and all(isinstance(item, Tensor) for item in value)):
        return {f"{name}.{i}": (element, item) for i, item in enumerate(value or ())}
    raise InputError(f"output {name!r} is a map, which an archive cannot hold: use --json")


def read_inputs(model: Model, paths: Sequence[str]) -> list[Any]:
    """The inputs in the model's order: one file with all of them, or a file for each."""
    if len(paths) > len(model.inputs):
        raise InputError(f"{len(paths)} files for {len(model.inputs)} inputs: {named(model.inputs)}")
    found: dict[str, Any] = {name: None for name, (dtype, _) in model.inputs.items() if dtype.startswith("optional")}
    for path, expected in zip(paths, model.inputs):
        found.update(read_input(model, path, expected, alone=len(paths) == 1))
    missing = [name for name in model.inputs if name not in found]
    if missing:
        raise InputError(f"there are no numbers for the input {named(missing)}")
    return [with_batch(found[name], shape) for name, (_, shape) in model.inputs.items()]


def read_input(model: Model, path: str, expected: str, alone: bool) -> dict[str, Any]:
    """What a file holds, by the names of inputs; its content tells the format."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        return read_content(model, data, os.path.splitext(path)[1].lower(), expected, alone)
    except (InputError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error


def read_content(model: Model, data: bytes, suffix: str, expected: str, alone: bool) -> dict[str, Any]:
    """`read_input` for the bytes of a file."""
    if data[:6] == b"\x93NUMPY":
        return {expected: read_npy(data)[1]}
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        arrays = {name: tensor for name, (_, tensor) in read_npz(data).items()}
        return by_name(model, sequences_in(arrays, model), expected, alone)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return {expected: as_sample(model, read_png(data), expected)}
    if data[:2] in (b"P2", b"P3", b"P5", b"P6") and data[2:3].isspace():
        return {expected: as_sample(model, read_pnm(data), expected)}
    if b"\0" in data[:1000] or suffix in (".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"):
        raise InputError("this format is not known; an image can be saved as PNG, an array as .npy")
    if suffix == ".json" or data.lstrip()[:1] in (b"[", b"{"):
        content = read_json(data.decode("utf-8-sig"))
        if not isinstance(content, dict):
            return {expected: value_of(content, model.inputs[expected][0])}
        found = by_name(model, content, expected, alone)
        return {name: value_of(nested, model.inputs[name][0]) for name, nested in found.items()}
    table = read_csv(data.decode("utf-8-sig"), model.inputs[expected][0])
    sample = model.inputs[expected][1][1:]
    if len(sample) != 1 and all(isinstance(size, int) for size in sample) and math.prod(sample) == table.shape[1]:
        return {expected: Tensor(table.values, (table.shape[0], *sample))}
    return {expected: table}


def sequences_in(arrays: Mapping[str, Tensor], model: Model) -> dict[str, Any]:
    """Arrays called "name.0", "name.1" and so on as one sequence, if the model takes sequences."""
    kinds = {name: dtype.rpartition(" of ")[0] for name, (dtype, _) in model.inputs.items()}  # "" is a tensor
    takes_sequences = any(kind.endswith("sequence") for kind in kinds.values())
    found: dict[str, Any] = {}
    for name, tensor in arrays.items():
        base, _, place = name.rpartition(".")
        if takes_sequences and place.isdigit() and kinds.get(name) != "":
            found.setdefault(base, []).append(tensor)
        else:
            found[name] = tensor
    return found


def by_name(model: Model, found: dict[str, Any], expected: str, alone: bool) -> dict[str, Any]:
    """Values by the names of the inputs; where the names are others, in the order of the inputs."""
    if found and not any(name in model.inputs for name in found):
        wanted = list(model.inputs) if alone else [expected]
        if len(wanted) != len(found):
            raise InputError(f"it holds {named(found)}; the model takes {named(model.inputs)}")
        return dict(zip(wanted, found.values()))
    return {name: value for name, value in found.items() if name in model.inputs}


def as_sample(model: Model, image: Tensor, expected: str) -> Tensor:
    """An image as the model takes it."""
    if model.preprocessing is None:
        print("note: the model does not say how images are scaled; pixels are taken as 0 to 255", file=sys.stderr)
    dtype, shape = model.inputs[expected]
    sample = prepared_image(image, shape, model.preprocessing or {})
    return whole_pixels(sample, dtype) if "int" in dtype else sample


def with_batch(tensor: Any, shape: Sequence[Any]) -> Any:
    """A single sample as a batch of one."""
    if (
        isinstance(tensor, Tensor)
        and len(tensor.shape) == len(shape) - 1
        and (shape[0] in (1, None) or isinstance(shape[0], str))
    ):
        return Tensor(tensor.values, (1, *tensor.shape))
    return tensor


def show(model: Model, outputs: Mapping[str, Any], title: str) -> None:
    """Prints outputs for people: the likeliest labels, or the numbers."""
    if title:
        print(title)
    for name, tensor in outputs.items():
        if not isinstance(tensor, Tensor):
            print(f"{printable(name)}: {json_text(plain_json(to_nested(tensor)))}")
            continue
        rows = labelled(model, tensor)
        if rows is None:
            numbers = plain_json([short(value) for value in tensor.values[:1000]])
            more = " ..." if len(tensor.values) > 1000 else ""
            print(f"{printable(name)} {shape_text(tensor.shape)}: {json_text(numbers)}{more}")
            continue
        for i, row in enumerate(rows):
            best = sorted(zip(row, map(printable, model.labels)), key=lambda pair: -pair[0])[:5]
            if len(rows) > 1:
                print(f"[{i}]")
            width = max(len(label) for _, label in best)
            print("\n".join(f"{label:{width}}  {probability:.4f}" for probability, label in best))


def labelled(model: Model, tensor: Tensor) -> list[Sequence[float]] | None:
    """A row of numbers, one for each label, for every sample; None if the output is none of labels."""
    count = len(model.labels)
    if count > 1 and len(tensor.shape) == 2 and tensor.shape[1] == count:
        return [tensor.values[i : i + count] for i in range(0, len(tensor.values), count)]
    if count == 2 and tensor.shape[1:] in ((), (1,)):  # the probability of the second
        return [(1 - value, value) for value in tensor.values]
    return None


def printable(text: str) -> str:
    """The text, with escapes for what could steer a terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]


def short(value: float) -> float:
    """A number with six digits."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def json_text(nested: Any) -> str:
    """Nested lists as JSON; a list of numbers is written by Python in the same way."""
    if isinstance(nested, list) and set(map(type, nested)) <= {int, float}:
        return str(nested)
    import json

    return json.dumps(nested)


def plain_json(nested: Any) -> Any:
    """Nested lists without NaN and infinities, which JSON does not have: these become texts."""
    if isinstance(nested, list):
        return [plain_json(item) for item in nested]
    if isinstance(nested, dict):
        return {str(key): plain_json(value) for key, value in nested.items()}
    return repr(nested) if isinstance(nested, float) and not math.isfinite(nested) else nested
