"""``python -m benchmarks [name ...]``: run benchmarks and put each one's section into docs/benchmarks.md."""

from __future__ import annotations

import sys

from . import (
    codes,
    contractive,
    fashion,
    fuzz,
    grid,
    images,
    inpainting,
    likelihood_speed,
    memory,
    scaling,
    speed,
    startup,
    time_to_quality,
)
from .report import put

ALL = {
    "speed": speed.run,
    "time_to_quality": time_to_quality.run,
    "contractive": contractive.run,
    "likelihood_speed": likelihood_speed.run,
    "memory": memory.run,
    "scaling": scaling.run,
    "startup": startup.run,
    "fashion": fashion.run,
    "inpainting": inpainting.run,
    "codes": codes.run,
    "grid": grid.run,
    "fuzz": fuzz.run,
    "images": images.run,
}


def main() -> None:
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.exit(f"benchmarks: unknown {', '.join(unknown)}; known: {', '.join(ALL)}")
    for name in names:
        put(name, ALL[name]())


if __name__ == "__main__":
    main()
