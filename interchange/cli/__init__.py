"""The command line: a thin layer over `interchange.api`. Nothing heavy is imported before a command needs it.

Exit codes: 0 done or agreed; 1 outputs differ (`verify`); 2 bad usage or input; 3 the model asks for something that is
not supported; 4 the environment lacks something, or interchange itself failed (IX901); 130 interrupted; 143 terminated.
"""

from __future__ import annotations

import errno
import gc
import importlib
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

import interchange
from interchange.cli.console import Console, common_options, prepare_streams
from interchange.errors import BadInput, EnvironmentLacks, InterchangeError

INTERRUPTED = 130
NEW_OBJECTS = 50_000  # after which Python looks for garbage among them
_UNWRITABLE = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, errno.EDQUOT)


class Terminated(BaseException):
    """The system wants the process to end (SIGTERM, SIGHUP): everything is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(number)


# command -> its module, in the order of the help
COMMANDS: Mapping[str, str] = {
    "convert": "convert",
    "verify": "verify",
    "run": "run",
    "show": "show",
    "scan": "scan",
    "plugins": "about",
    "doctor": "doctor",
    "explain": "about",
}


class Commands(click.Group):
    """The commands, each imported when it is called or its help is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            self.commands = {name: _command(name) for name in COMMANDS}  # among which click looks for what was meant
            return None
        return _command(cmd_name)


def _command(name: str) -> click.Command:
    module = importlib.import_module(f"interchange.cli.{COMMANDS[name]}")
    command: click.Command = getattr(module, f"{name}_command")
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(interchange.__version__, "--version", message="%(prog)s %(version)s")
@common_options
def cli() -> None:
    """Turn a trained neural network into a form that runs anywhere, and prove that it still computes the same thing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; every error becomes one block on stderr."""
    is_program = arguments is None
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    console = Console(json=_asks_for_json(arguments))
    try:
        with _orderly_end(), _rare_collections():
            code = cli.main(arguments, prog_name="interchange", standalone_mode=False, obj=console)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except SystemExit:  # click's answer to a reader of the help who has left (`| head`)
        return 0
    except click.Abort:
        return console.interrupted(INTERRUPTED)
    except Terminated as error:
        return console.interrupted(error.exit_code, "Terminated.")
    except OSError as error:
        lost = error.filename is None and error.errno in _UNWRITABLE  # the help, which click writes
        block = console.unwritable(str(error.strerror)) if lost else as_block(error)
        return console.failed(block, details=traceback.format_exc())
    except Exception as error:
        return console.failed(as_block(error), details=traceback.format_exc())
    finally:
        console.close()
        if is_program:
            gc.freeze()  # else Python looks through everything once more, which takes a tenth of a short command


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP an exception, so that processes are ended and temporary folders removed."""

    def end(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)  # the cleaning up is not disturbed
        raise Terminated(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        before = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) == signal.SIG_DFL}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Lets Python look for garbage less often: most of what a command makes are modules, which stay until its end."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], NEW_OBJECTS) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether errors are wanted as JSON, known before the rest of the command line is understood."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def as_block(error: Exception) -> InterchangeError:
    """Any exception as one of our own; those that no user can cause are IX901."""
    match error:
        case InterchangeError():
            return error
        case click.ClickException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "interchange"
            what = error.format_message().replace("\n", " ")
            return BadInput("IX100", what, where=path, next_step=f"{path} --help")
        case ModuleNotFoundError() if error.name and not error.name.startswith("interchange"):
            package = error.name.partition(".")[0]
            return EnvironmentLacks(
                "IX401",
                "A Python package is missing.",
                where=package,
                why=str(error),
                next_step=f"pip install {package}",
            )
        case OSError() if error.filename:
            why = error.strerror or str(error)
            return BadInput("IX101", "A file cannot be read or written.", where=str(error.filename), why=why)
        case MemoryError():
            why = str(error) or "no more memory could be had"
            return BadInput("IX206", "There is not enough memory.", why=why)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}, in {frames[-1].name}" if frames else ""
    return EnvironmentLacks(
        "IX901",
        "An error inside interchange itself.",
        where=where,
        why=f"{type(error).__name__}: {error}",
        next_step="Run again with -v for the traceback, and please report it.",
    )
