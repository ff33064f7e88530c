"""The machine: the memory that a device has available, and numbers of bytes in words."""

from __future__ import annotations

import os
from pathlib import Path

import torch

__all__ = ["available", "in_words", "left_by_cgroup"]

CGROUP_ROOT = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of control groups."""


def available(device: torch.device) -> int | None:
    """Return the available memory of a device in bytes, or None if the system does not report it.

    For a CPU this is the available memory in ``/proc/meminfo`` or what remains of the process's control group's limit,
    whichever is smaller. On a system with neither, it is all of the machine's memory.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    known = [1024 * int(line.split()[1]) for line in _lines(Path("/proc/meminfo")) if line.startswith("MemAvailable:")]
    limited = left_by_cgroup(CGROUP_ROOT)
    if limited is not None:
        known.append(limited)
    if known:
        return min(known)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def left_by_cgroup(root: Path) -> int | None:
    """Return the bytes that remain of the memory limit of this process's control group, or None without a limit.

    Cached files that the kernel can drop count as free. Control groups of version 1 and 2 are read; of several limits,
    the one with the least memory left counts.
    """
    places = [(root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes")]
    own = [line[3:].strip().lstrip("/") for line in _lines(Path("/proc/self/cgroup")) if line.startswith("0::")]
    places += [(root / group, "memory.max", "memory.current") for group in (*own, "")]
    left = []
    for folder, limit, usage in places:
        try:
            most, used = int((folder / limit).read_text()), int((folder / usage).read_text())
        except (OSError, ValueError):
            continue  # there is no such group, or its limit is "max", which means no limit
        cached = [int(s.split()[1]) for s in _lines(folder / "memory.stat") if s.startswith("inactive_file ")]
        left.append(max(0, most - used + sum(cached)))
    return min(left, default=None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def in_words(size: int) -> str:
    """Return a number of bytes in a readable unit.

    >>> in_words(512), in_words(17_300_000), in_words(16_400_000_000)
    ('512 bytes', '17 MB', '16 GB')
    """
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.2g} {name}" if size < 100 * unit else f"{size / unit:.0f} {name}"
    return f"{size} bytes"
