"""A user's own module or file, imported so that its estimators and parts have names at the command line."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb

from ..errors import CompositionError, nearest

__all__ = ["import_user_code"]


def import_user_code(named: str) -> None:
    """Import a module by its name or a Python file by its path.

    The file's folder, or the working folder for a module, joins the end of Python's search path, so that the code can
    import what lies beside it.

    Raises
    ------
    CompositionError : there is no such module or file, or importing it fails; the message gives the line.
    """
    path = Path(named)
    is_file = path.suffix == ".py"
    folder, module = (path.resolve().parent, path.stem) if is_file else (Path.cwd(), named)
    if is_file and not path.is_file():
        near = nearest(path.name, [file.name for file in folder.glob("*.py")])
        raise CompositionError(f"--import {named}: no such file{near}")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        spec = find_spec(module)
        if is_file and (spec is None or spec.origin is None or Path(spec.origin).resolve() != path.resolve()):
            raise CompositionError(f"--import {named}: another module has the name {module!r}; rename the file")
        import_module(module)
    except CompositionError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code raises, the line to mend is in that code
        frames = [frame for frame in extract_tb(error.__traceback__) if "importlib" not in frame.filename]
        place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
        raise CompositionError(f"--import {named}: {type(error).__name__}: {error}{place}") from error
