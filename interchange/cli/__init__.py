"""The command line: a thin layer over `interchange.api`. Nothing heavy is imported before a command needs it.

Exit codes: 0 done or agreed; 1 outputs differ (`verify`); 2 bad usage or input; 3 the model asks for something that is
not supported; 4 the environment lacks something, or interchange itself failed (IX901); 130 interrupted; 143 terminated.
"""

from __future__ import annotations

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

import interchange
from interchange.cli.about import explain_command, plugins_command
from interchange.cli.console import Console, common_options, prepare_streams
from interchange.cli.convert import convert_command
from interchange.cli.doctor import doctor_command
from interchange.cli.run import run_command
from interchange.cli.scan import scan_command
from interchange.cli.show import show_command
from interchange.cli.verify import verify_command
from interchange.errors import BadInput, EnvironmentLacks, InterchangeError

INTERRUPTED = 130
_UNWRITABLE = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EBADF, errno.EDQUOT)


class Terminated(BaseException):
    """The system wants the process to end (SIGTERM, SIGHUP): everything is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(number)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(interchange.__version__, "--version", message="%(prog)s %(version)s")
@common_options
def cli() -> None:
    """Turn a trained neural network into a form that runs anywhere, and prove that it still computes the same thing."""


for command in (
    convert_command,
    verify_command,
    run_command,
    show_command,
    scan_command,
    plugins_command,
    doctor_command,
    explain_command,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code; every error becomes one block on stderr."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    prepare_streams()
    console = Console(json=_asks_for_json(arguments))
    try:
        with _orderly_end():
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
