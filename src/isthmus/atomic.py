"""Files and folders that are written whole or not at all: a draft beside the place, moved there once it is complete.

A draft has a name of its own, so that two processes may write to one place at once: the one that ends last wins. What a
process that was killed left behind is removed by the next one that writes to the same place.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from .errors import IsthmusError

__all__ = ["atomic_file", "atomic_folder", "remove_abandoned"]

ABANDONED_SECONDS = 86_400
"""Age from which a draft of a process that this one cannot see, on another machine, counts as abandoned."""

NAME_CHARACTERS = 100
"""Characters of the place's name that a draft's name repeats; file systems allow 255 bytes."""

REPLACE_TRIES = 100
"""How often a folder's move is tried while other processes move folders to the same place."""

_DRAFT = re.compile(r"\..+~([0-9a-f]{8})-(\d+)-([0-9a-f]{8})-\d+")
_PROCESS = uuid.uuid4().hex[:8]
_NUMBERS = itertools.count()


@contextmanager
def atomic_file(path: str | Path, error: type[IsthmusError]) -> Iterator[Path]:
    """Yield the place of a draft to write to; the draft replaces the file at `path` when the block ends.

    The file gets the permissions of the one that it replaces, otherwise those that the user's umask gives. Where `path`
    is a link, the file that it leads to is replaced.

    Parameters
    ----------
    path : in a folder that exists.
    error : what is raised, in one line, when the file cannot be written; the draft is then removed, as after any
        exception.

    >>> import tempfile
    >>> from isthmus.errors import DataError
    >>> place = Path(tempfile.mkdtemp()) / "x.txt"
    >>> with atomic_file(place, DataError) as draft:
    ...     _ = draft.write_text("whole")
    ...     print(place.exists())
    False
    >>> place.read_text()
    'whole'
    """
    with _reported(path, error):
        place = Path(path).resolve()
        remove_abandoned(place.parent, _prefix(place))
        draft = place.with_name(_draft_name(place))
        try:
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            mode = (place if place.exists() else draft).stat().st_mode
            yield draft
            draft.chmod(mode & 0o777)
            _sync(draft)
            os.replace(draft, place)
            _sync(place.parent)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path, error: type[IsthmusError], last: str | None = None) -> Iterator[Path]:
    """Yield a draft folder to write into; it replaces the folder at `path` when the block ends.

    The folder keeps the permissions of the one that it replaces; its files get those that the user's umask gives.
    A folder that cannot be moved, since a process stands in it or a file system is mounted there, stays: the draft's
    files are then moved into it one after another.

    Parameters
    ----------
    path : in a folder that exists; what is there already goes once the draft is complete.
    error : what is raised, in one line, when the folder cannot be written; the draft is then removed, as after any
        exception.
    last : the file that is moved last where files are moved one after another; it tells a reader that all are there.
    """
    with _reported(path, error):
        place = Path(path).resolve()
        stays = place.is_dir() and (_stands_in(place) or os.path.ismount(place))
        parent = place if stays else place.parent
        remove_abandoned(parent, _prefix(place))
        draft = parent / _draft_name(place)
        try:
            draft.mkdir()
            mode = draft.stat().st_mode
            yield draft
            for inside in draft.rglob("*"):
                if inside.is_file():
                    inside.chmod(mode & 0o666)  # some writers leave a file to its owner alone, whatever the umask
                _sync(inside)
            draft.chmod((place if place.is_dir() else draft).stat().st_mode & 0o777)
            if stays:
                for file in sorted(draft.iterdir(), key=lambda file: (file.name == last, file.name)):
                    if file.is_dir():
                        shutil.rmtree(place / file.name, ignore_errors=True)
                    os.replace(file, place / file.name)
            else:
                _replace_folder(draft, place)
            _sync(parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the drafts in a folder whose process is gone, among the names that begin with `prefix`.

    Whether a process lives can be seen on this machine alone; drafts of other machines go when they are a day old.
    """
    for draft in folder.iterdir():
        named = _DRAFT.fullmatch(draft.name) if draft.name.startswith(prefix) else None
        if named is None:
            continue
        try:
            if named[1] != _machine():
                abandoned = time.time() - draft.stat().st_mtime > ABANDONED_SECONDS
            elif int(named[2]) == os.getpid():
                abandoned = named[3] != _PROCESS
            else:
                abandoned = not _lives(int(named[2]))
            if abandoned:
                shutil.rmtree(draft) if draft.is_dir() else draft.unlink()
        except OSError:
            continue  # another process was quicker, or the draft is not ours to remove


def _replace_folder(draft: Path, place: Path) -> None:
    """Move the draft to its place; the folder that was there is moved aside first, and back if that fails."""
    for attempt in range(REPLACE_TRIES):
        aside = place.with_name(_draft_name(place))
        with suppress(FileNotFoundError):
            os.rename(place, aside)
        try:
            os.rename(draft, place)
            return
        except OSError as error:
            another_came = error.errno in (errno.ENOTEMPTY, errno.EEXIST) and attempt < REPLACE_TRIES - 1
            if not another_came:
                if aside.exists():
                    os.rename(aside, place)
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _reported(path: str | Path, error: type[IsthmusError]) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as why:
        said = (why.strerror if isinstance(why, OSError) else None) or " ".join(str(why).split())
        raise error(f"{path}: cannot be written: {said}") from None


def _prefix(place: Path) -> str:
    """Return how the names of all drafts of a place begin."""
    return f".{place.name[:NAME_CHARACTERS]}~"


def _draft_name(place: Path) -> str:
    """Return a name that no other draft has."""
    return f"{_prefix(place)}{_machine()}-{os.getpid()}-{_PROCESS}-{next(_NUMBERS)}"


def _stands_in(place: Path) -> bool:
    """Return whether this process's current folder is `place` or lies in it."""
    try:
        return Path.cwd().is_relative_to(place)
    except FileNotFoundError:  # the current folder was removed
        return False


def _machine() -> str:
    """Return what is the same for processes that see each other by their numbers: machine and container."""
    try:
        container = os.readlink("/proc/self/ns/pid")
    except OSError:
        container = ""
    return hashlib.blake2b(f"{socket.gethostname()} {container}".encode(), digest_size=4).hexdigest()


def _lives(process: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere signal 0 would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync(place: Path) -> None:
    """Wait until a file or folder is on the disk, so that a power failure cannot leave a name without its content."""
    if place.is_dir() and os.name != "posix":
        return
    file = os.open(place, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(file)
