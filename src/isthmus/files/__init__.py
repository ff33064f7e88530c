"""Arrays, tables and images from files and to files, by suffix; what is written is whole or not there."""

from ..frames import Table
from .arrays import ARRAYS
from .images import IMAGES
from .reading import SUFFIXES, chosen, no_such_file, read, read_frame, read_table, selected
from .separated import SEPARATORS
from .writing import check_writable, write

__all__ = [
    "ARRAYS",
    "IMAGES",
    "SEPARATORS",
    "SUFFIXES",
    "Table",
    "check_writable",
    "chosen",
    "no_such_file",
    "read",
    "read_frame",
    "read_table",
    "selected",
    "write",
]
