"""What a command says and where: answers on stdout, progress and errors on stderr, JSON where it was asked for."""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from interchange.errors import BadInput, InterchangeError

if TYPE_CHECKING:
    import rich.console

Function = TypeVar("Function", bound=Callable[..., Any])
Step = Callable[[str, int, int], None]  # what, done, total

# How to say it where the terminal cannot.
PLAIN = {
    "✓": "+",
    "✗": "x",
    "×": "x",
    "–": "-",
    "—": "-",
    "…": "...",
    "→": "->",
    "−": "-",
    "≤": "<=",
    "≥": ">=",
    "µ": "u",
}
PLAIN |= {"─": "-", "━": "-", "│": "|", "╷": " ", "╵": " ", "·": ".", "•": "*", "±": "+-", "’": "'", "“": '"', "”": '"'}


def prepare_streams() -> None:
    """Lets stdout and stderr write any text in any encoding: what an ASCII terminal lacks is said in ASCII."""
    codecs.register_error("interchange", _in_plain_characters)
    _occupy_closed_descriptors()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="interchange")


def _occupy_closed_descriptors() -> None:
    """Keeps a file that is opened later from taking the place of a standard stream that was closed (`>&-`)."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest one that is free


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


class Console:
    """Carried through a run as click's `obj`."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.quiet = False
        self.verbose = False
        self.lost = False  # whether stdout could not be written

    # --- answers ---

    def answer(self, document: Mapping[str, Any], lines: Callable[[], Iterable[str]]) -> None:
        """The result of a command: one JSON object, or lines for people."""
        if self.json:
            self.write(json.dumps(document, ensure_ascii=False, allow_nan=False))
            return
        for line in lines():
            self.write(line)

    def write(self, text: str, *, err: bool = False) -> None:
        """One line or block. A reader who has left (`| head`) is no error.

        Raises:
            BadInput: (IX105) stdout cannot be written. What stderr cannot take is lost.
        """
        stream = sys.stderr if err else sys.stdout
        if stream is None:  # closed by the caller
            if not err:
                raise self.unwritable("it is closed")
            return
        try:
            click.echo(text, file=stream, color=has_colour(stream))
        except BrokenPipeError:
            _to_nowhere(stream)
        except OSError as error:
            _to_nowhere(stream)
            if not err:
                raise self.unwritable(error.strerror or str(error)) from error

    def unwritable(self, why: str) -> BadInput:
        """The error for a stdout that cannot be written; from now on errors go to stderr, also with --json."""
        self.lost = True
        return BadInput("IX105", "The output cannot be written.", where="standard output", why=why)

    def note(self, text: str) -> None:
        """Something worth knowing that is not the answer."""
        if not self.quiet and not self.json:
            self.write(text, err=True)

    def close(self) -> None:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except OSError:
                _to_nowhere(stream)

    # --- errors ---

    def failed(self, error: InterchangeError, details: str) -> int:
        """Shows an error and returns its exit code."""
        if self.json:
            self._write_error(error.to_json())
        else:
            self.write(_painted(error), err=True)
        if self.verbose:
            self.write(details, err=True)
        return error.exit_code

    def interrupted(self, exit_code: int, what: str = "Interrupted.") -> int:
        if self.json:
            self._write_error({"code": "", "what": what, "where": "", "why": [], "next": "", "exit_code": exit_code})
        else:
            self.write(what, err=True)
        return exit_code

    def _write_error(self, entry: Mapping[str, Any]) -> None:
        text = json.dumps({"error": entry}, ensure_ascii=False)
        try:
            self.write(text, err=self.lost)
        except BadInput:
            self.write(text, err=True)

    # --- progress ---

    @contextmanager
    def progress(self) -> Iterator[Step]:
        """A function to report steps with: a bar on a terminal, a line for each finished part elsewhere."""
        if self.json or self.quiet:
            yield lambda what, done, total: None
        elif is_terminal(sys.stderr):
            with _bars() as step:
                yield step
        else:
            yield self._lines()

    def _lines(self) -> Step:
        """A line when a part is done; what takes no time to speak of may be reported twice."""
        said: set[str] = set()

        def step(what: str, done: int, total: int) -> None:
            if done == total and what not in said:
                said.add(what)
                self.write(f"{what}: {done}/{total}", err=True)

        return step


def common_options(function: Function) -> Function:
    """--json, -q and -v: on the program and on every command."""

    def setter(field: str) -> Callable[[click.Context, click.Parameter, bool], None]:
        def set_field(context: click.Context, _: click.Parameter, value: bool) -> None:
            if value:
                setattr(context.ensure_object(Console), field, True)

        return set_field

    flags = (
        ("--verbose", "-v", "verbose", "Say more; show the traceback of an error."),
        ("--quiet", "-q", "quiet", "No progress and no notes."),
        ("--json", "", "json", "One JSON object on stdout, also on failure."),
    )
    for long, short, field, text in flags:
        names = [name for name in (short, long) if name]
        option = click.option(*names, is_flag=True, expose_value=False, callback=setter(field), help=text)
        function = option(function)
    return function


# --- terminals ------------------------------------------------------------------------------------------------------


def is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ


def has_colour(stream: TextIO | None) -> bool:
    return is_terminal(stream) and "NO_COLOR" not in os.environ


def _to_nowhere(stream: TextIO) -> None:
    """Points a stream that cannot be written at the null device, so that nothing fails at the end of the process."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _painted(error: InterchangeError) -> str:
    first, *rest = map(printable, str(error).split("\n"))
    code, _, what = first.partition(": ")
    lines = [f"{click.style(code, fg='red', bold=True)}: {click.style(what, bold=True)}"]
    for line in rest:
        label, colon, text = line.partition(":")
        is_label = label.strip() in ("where", "why", "next")
        lines.append(f"{click.style(label + colon, fg='cyan')}{text}" if is_label else line)
    return "\n".join(lines)


@contextmanager
def _bars() -> Iterator[Step]:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=RichConsole(stderr=True), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield step


# --- text -----------------------------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Lines of a table: drawn by rich on a terminal, plain aligned columns elsewhere.

    Args:
        right: the columns that hold numbers.
    """
    return _drawn(header, rows, right) if is_terminal(sys.stdout) else _aligned([header, *rows], right)


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _drawn(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> list[str]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawing = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for i, title in enumerate(header):
        drawing.add_column(title, justify="right" if i in right else "left", no_wrap=i in right, overflow="fold")
    for row in rows:
        drawing.add_row(*map(Text.from_ansi, row))
    return rendered(drawing)


def rendered(drawing: rich.console.RenderableType) -> list[str]:
    """The lines of anything that rich can draw, for stdout."""
    from rich.console import Console as RichConsole
    from rich.segment import Segment, Segments

    console = RichConsole(file=sys.stdout, no_color=not has_colour(sys.stdout))
    pieces = console.render(drawing)
    clean = [Segment("\n".join(map(printable, p.text.split("\n"))), p.style) for p in pieces if not p.control]
    with console.capture() as capture:
        console.print(Segments(clean), end="")
    return [line.rstrip() for line in capture.get().rstrip("\n").split("\n")]


def printable(text: str) -> str:
    """A text from a file, which must not steer the terminal: control characters are shown, not sent."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def size_text(n_bytes: int) -> str:
    """A size for people: 1234 is "1.2 KiB"."""
    power = max(0, n_bytes.bit_length() - 1) // 10
    return f"{n_bytes / 1024**power:.1f} {' KMGTPE'[power]}iB" if power else f"{n_bytes} bytes"
