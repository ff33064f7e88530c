"""Arrays, tables and images from files and to files, by suffix; what is written is whole or not there."""

from ..frames import Table
from .arrays import ARRAYS
from .images import IMAGES
from .reading import SUFFIXES, read, read_frame, read_table
from .separated import SEPARATORS
from .writing import check_writable, write

__all__ = [
    "ARRAYS",
    "IMAGES",
    "SEPARATORS",
    "SUFFIXES",
    "Table",
    "check_writable",
    "read",
    "read_frame",
    "read_table",
    "write",
]
