"""How often the diagnosis names a planted fault, and how often it calls a healthy fit healthy."""

from __future__ import annotations

import time

from isthmus.diagnosis import Verdict, diagnose

from .planted import FAULTS, HEALTHY, Case
from .report import table

TUNED = range(5)
SEEDS = range(200, 205)
"""Data, split, weights and draws are by the seed; thresholds were chosen on `TUNED`, and not looked at on these."""


def _found(case: Case, seed: int) -> dict[str, Verdict]:
    """Return what is found of one fit, by the name of the check."""
    estimator, rows = case.fit(seed)
    found = {verdict.about: verdict for verdict in diagnose(estimator, rows.test, rows.train)}
    called = {about: verdict.status for about, verdict in found.items() if verdict.status != "healthy"}
    print(case.how, seed, called, f"{time.process_time():.0f} s", flush=True)
    return found


def run() -> str:
    planted, healthy = [], []
    named = faults = clean = judged = raised = warned = 0
    for case in FAULTS:
        found = [_found(case, seed) for seed in SEEDS]
        for about in case.about:
            statuses = [verdicts[about].status for verdicts in found]
            named, faults = named + statuses.count("fault"), faults + len(SEEDS)
            planted.append([about, case.how, f"{statuses.count('fault')} / {len(SEEDS)}", statuses.count("warning")])
    for case in HEALTHY:
        found = [_found(case, seed) for seed in SEEDS]
        statuses = [verdict.status for verdicts in found for verdict in verdicts.values()]
        judged, raised, warned = (
            judged + len(statuses),
            raised + statuses.count("fault"),
            warned + statuses.count("warning"),
        )
        without = sum(all(verdict.status != "fault" for verdict in verdicts.values()) for verdicts in found)
        own = sum(all(verdicts[about].status == "healthy" for about in case.about) for verdicts in found)
        clean += sum(
            all(verdict.status != "fault" for verdict in verdicts.values())
            and all(verdicts[about].status == "healthy" for about in case.about)
            for verdicts in found
        )
        others = sorted({v.about for verdicts in found for v in verdicts.values() if v.status != "healthy"})
        about = ", ".join(case.about)
        healthy.append([case.how, f"{without} / {len(SEEDS)}", about, f"{own} / {len(SEEDS)}", ", ".join(others)])
    fits = len(HEALTHY) * len(SEEDS)
    return (
        "Each fault is produced on purpose by a small fit (`benchmarks/planted.py`) and must be named, status `fault`; "
        "no check may call a healthy fit a fault, and those that the fit is there for must call it healthy. Seeds "
        f"{SEEDS[0]} to {SEEDS[-1]}, of data, split, weights and draws; thresholds were chosen on seeds {TUNED[0]} to "
        f"{TUNED[-1]}. In all {named} of {faults} planted faults are named ({named / faults:.1%}), and {clean} of "
        f"{fits} healthy fits are called healthy ({clean / fits:.1%}). Of {judged} verdicts on healthy fits {raised} "
        f"are faults ({raised / judged:.1%}) and {warned} warnings ({warned / judged:.1%}).\n\n"
        + table(["fault", "planted by", "named / planted", "only warned of"], planted)
        + "\n\n"
        + table(
            [
                "healthy fit",
                "without a fault / fits",
                "checks",
                "called healthy / fits",
                "warned of, or called a fault",
            ],
            healthy,
        )
    )
