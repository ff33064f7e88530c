"""The start of the command line: global options, and mistakes as one line."""

from __future__ import annotations

import re
import signal
import sys
import threading
import warnings
from typing import Annotated, Any

import typer

from ..errors import IsthmusError
from .user_code import import_user_code
from .words import command_meant, option_meant, spoken

__all__ = ["app", "main"]

MISTAKE_STATUS = 2
INTERRUPTED_STATUS = 130
"""The exit status that typer turns Ctrl-C into."""
TERMINATED_STATUS = 143
"""The exit status after SIGTERM, as a shell gives it."""

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""What typer raises for an option or argument it cannot use; the class has no public name."""

app = typer.Typer(
    name="isthmus",
    help="Compress, clean, complete, detect and create: autoencoders, VAEs and GANs for arrays, images and tables.\n\n"
    "Start with: isthmus compare digits --out out/",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; a mistake costs one line and exit status 2."""
    warnings.showwarning = _print_warning
    handled = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM)
    if handled == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        status = app(prog_name="isthmus", standalone_mode=False) or 0
    except SystemExit as ended:
        status = ended.code or 0
    except (IsthmusError, ValueError, OSError) as error:
        _print_line(str(error) or type(error).__name__)
        status = MISTAKE_STATUS
    except USAGE_ERROR as error:
        status, message, context = MISTAKE_STATUS, error.format_message(), error.ctx
        if not sys.argv[1:]:
            print(message, file=sys.stderr)  # the help, which is what typer makes of no arguments at all
        else:
            meant = _meant(error)
            message = (error.message if meant else message).rstrip(".") + meant
            place = "put --import before the command; " if "--import" in message else ""
            _print_line(f"{message}; {place}see {context.command_path if context else 'isthmus'} --help")
    finally:
        if handled == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if status in (INTERRUPTED_STATUS, TERMINATED_STATUS):
        _print_line("interrupted before it was done")
    sys.exit(status)


def _meant(error: Any) -> str:
    """Return what was meant by a command or option that is not known, or nothing."""
    unknown = re.match(r"No such command '([^']*)'", error.message)
    if unknown and "did you mean" not in error.message.lower():
        known = [command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands]
        return command_meant(unknown[1], known)
    option = getattr(error, "option_name", "")
    if not option or not error.message.startswith("No such option"):
        return ""
    from ..part_language import arguments
    from .systems import systems

    known = [name for parameter in error.ctx.command.params for name in parameter.opts]
    return option_meant(option, known, {name for cls in systems().values() for name in arguments(cls)})


def _terminate(*_: object) -> None:
    """End as Ctrl-C does: a fit is saved first."""
    sys.exit(TERMINATED_STATUS)


def _print_line(message: str) -> None:
    print(f"isthmus: {' '.join(spoken(message).split())}", file=sys.stderr)


def _print_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    _print_line(f"warning: {message}")


def _print_version(asked: bool) -> None:
    if asked:
        from .. import __version__

        print(f"isthmus {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    imports: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="MODULE|FILE.py",
            envvar="ISTHMUS_IMPORT",
            help="Import your own module or Python file first, so that the estimators and parts it defines can be used "
            "by name. Repeat the option for several; in the variable they are separated by spaces.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    for named in imports or ():
        import_user_code(named)
