"""The command line, run in this process."""

from __future__ import annotations

import sys

import pytest

from isthmus import cli


def run(*arguments: object, expect: int = 0) -> None:
    """Run the command line in this process and hold it to its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["isthmus", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert (caught.value.code or 0) == expect
