"""How often the diagnosis names a planted fault, and how often it calls a healthy fit healthy."""

from __future__ import annotations

from isthmus.diagnosis import diagnose

from .planted import FAULTS, HEALTHY, Case
from .report import table

TUNED = range(5)
SEEDS = range(200, 205)
"""Data, split, weights and draws are by the seed; thresholds were chosen on `TUNED`, and not looked at on these."""


def _named(case: Case, seed: int) -> tuple[str, list[str]]:
    """The status of the check that the case is about, and every fault that was called."""
    estimator, rows = case.fit(seed)
    verdicts = {verdict.about: verdict for verdict in diagnose(estimator, rows.test, rows.train)}
    faults = [about for about, verdict in verdicts.items() if verdict.status == "fault"]
    found = verdicts[case.about].status, faults
    print(case.about, "|", case.how, seed, *found, flush=True)
    return found


def run() -> str:
    planted, healthy = [], []
    total = [0, 0]
    for case in FAULTS:
        statuses = [_named(case, seed)[0] for seed in SEEDS]
        named = statuses.count("fault")
        total[0] += named
        planted.append([case.about, case.how, f"{named} / {len(SEEDS)}", statuses.count("warning")])
    for case in HEALTHY:
        found = [_named(case, seed) for seed in SEEDS]
        clean = sum(not faults for _, faults in found)
        total[1] += clean
        wrong = sorted({about for _, faults in found for about in faults})
        own = f"{sum(status == 'healthy' for status, _ in found)} / {len(SEEDS)}"
        healthy.append([case.how, f"{clean} / {len(SEEDS)}", case.about, own, ", ".join(wrong)])
    return (
        "Each fault is produced on purpose by a small fit (`benchmarks/planted.py`) and must be named, status `fault`; "
        f"no check may call a healthy fit a fault. Seeds {SEEDS[0]} to {SEEDS[-1]}, of data, split, weights and draws; "
        f"thresholds were chosen on seeds {TUNED[0]} to {TUNED[-1]}. In all {total[0]} of {len(FAULTS) * len(SEEDS)} "
        f"planted faults are named, and {total[1]} of {len(HEALTHY) * len(SEEDS)} healthy fits called no fault.\n\n"
        + table(["fault", "planted by", "named / planted", "only warned of"], planted)
        + "\n\n"
        + table(["healthy fit", "without a fault / fits", "check", "called healthy / fits", "wrongly named"], healthy)
    )
