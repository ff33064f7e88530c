"""``python -m benchmarks [name ...]``: run benchmarks and put each one's section into its page of docs/."""

from __future__ import annotations

import sys
from importlib import import_module

from .report import put

ALL = {
    "speed": "speed",
    "gpu": "gpu",
    "against": "against",
    "time_to_quality": "time_to_quality",
    "contractive": "contractive",
    "likelihood_speed": "likelihood_speed",
    "memory": "memory",
    "memory-estimate": "memory_estimate",
    "scaling": "scaling",
    "startup": "startup",
    "recipes": "recipes",
    "precision": "precision",
    "fashion": "fashion",
    "inpainting": "inpainting",
    "ecg": "ecg",
    "codes": "codes",
    "grid": "grid",
    "images": "images",
    "metrics": "metrics_check",
    "metrics-cost": "metrics_cost",
    "measurement": "measurement",
    "fuzz": "fuzz",
    "kills": "kills",
    "tables": "tables",
    "gaps": "gaps",
    "diagnosis": "diagnosis",
    "anomaly": "odd_sets",
    "likelihoods": "likelihoods",
    "one-row": "one_row",
    "alarms": "alarms",
    "ranking": "ranking",
    "reasons": "reasons",
    "drift": "drift",
    "artefacts": "artefacts",
}
"""Each benchmark's module; imported when it is run, since some need packages that others do not."""


def main() -> None:
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.exit(f"benchmarks: unknown {', '.join(unknown)}; known: {', '.join(ALL)}")
    for name in names:
        text = import_module(f".{ALL[name]}", __package__).run()
        if text is None:
            print(f"{name}: cannot be measured on this machine; what was measured elsewhere stands", flush=True)
        else:
            put(name, text)


if __name__ == "__main__":
    main()
