"""Alarms: whether a detector raises as many false ones as it says, on the odd-numbered sets of ADBench."""

from __future__ import annotations

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import betabinom

from isthmus.detection import Detector, OnlineDiscoveries

from .odd_sets import names, odd_set
from .report import table

SPLITS = 50
LEAST_NORMAL, MOST_NORMAL = 500, 2_000
"""Normal rows that a set needs, and of which at most so many are used."""

ALPHAS, RATES = (0.01, 0.05, 0.1), (0.1, 0.2)
ODD_SHARE = 0.1
"""The share of anomalies in the batches on which false discoveries are counted."""

BAND_DRAWS = 20_000


def run() -> str | None:
    chosen = [name for name in names() if (odd_set(name)[1] == 0).sum() >= LEAST_NORMAL]
    if not chosen:
        return None
    found = Parallel(-1)(delayed(_measured)(name, split) for name in chosen for split in range(SPLITS))
    lines, within, above = [], 0, 0
    for i, name in enumerate(chosen):
        splits = found[i * SPLITS : (i + 1) * SPLITS]
        calibrated, tested = splits[0]["calibrated"], splits[0]["tested"]
        cells = []
        for alpha in ALPHAS:
            share = float(np.mean([split[alpha] for split in splits]))
            low, high = _band(alpha, calibrated, tested)
            within += low <= share <= high
            above += share > high
            cells.append(f"{share:.4f} ({low:.4f} to {high:.4f})")
        cells += [f"{np.mean([split['fdr', rate][j] for split in splits]):.3f}" for rate in RATES for j in range(2)]
        lines.append([name, calibrated, *cells])
    mean = [f"**{np.mean([split['fdr', rate][j] for split in found]):.3f}**" for rate in RATES for j in range(2)]
    lines.append(["**mean**", "", *[""] * len(ALPHAS), *mean])
    of = len(chosen) * len(ALPHAS)
    streams = {rate: np.mean([split["online", rate] for split in found], axis=0) for rate in RATES}
    online = "; ".join(f"at {rate:g}, false discoveries {f:.3f}, power {p:.3f}" for rate, (f, p) in streams.items())
    head = ["set", "calibration rows", *(f"false alarms, α = {alpha:g} (99 % band)" for alpha in ALPHAS)]
    head += [f"{what} at {rate:g}" for rate in RATES for what in ("false discoveries", "power")]
    return (
        f"`Detector()` at its defaults, fitted on half of a set's normal rows (of at most {MOST_NORMAL:,}), {SPLITS} "
        "splits. False alarms are the share of the other normal rows that raise one, beside the band in which the mean "
        "over independent splits lies with a probability of 99 %: each split's count is beta-binomial, k of n + 1. "
        f"{within} of {of} means lie in their band, {above} above it; splits of one set share rows, so that means "
        "stray further. False discoveries are the share of normal rows among the alarms in batches of which a share "
        f"{ODD_SHARE:g} is anomalous; power is the share of anomalies found. With n calibration rows no p-value is "
        "below 1/(n + 1): a rate of false discoveries is only reached by many anomalies at once. The same batches, "
        f"shuffled and judged row by row, with a horizon of the batch's length: {online}.\n\n" + table(head, lines)
    )


def _measured(name: str, seed: int) -> dict:
    """Return the false alarms at each α, and (false discoveries, power) at each rate, of one split."""
    X, y = odd_set(name)
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(y == 0))[:MOST_NORMAL]
    half = len(normal) // 2
    detector = Detector(random_state=seed).fit(X[normal[:half]])
    tested = X[normal[half:]]
    p = detector.p_values(tested)
    out: dict = {alpha: float((p <= alpha).mean()) for alpha in ALPHAS}
    out |= {"calibrated": len(detector.calibrated_.scores), "tested": len(tested)}
    odd = rng.permutation(np.flatnonzero(y == 1))
    count = min(len(odd), round(ODD_SHARE * len(tested) / (1 - ODD_SHARE)))
    usual = round(count * (1 - ODD_SHARE) / ODD_SHARE)
    batch = np.concatenate([tested[:usual], X[odd[:count]]])
    order, truth = rng.permutation(len(batch)), np.arange(len(batch)) >= usual
    p = detector.p_values(batch)
    for rate in RATES:
        raised = detector.at(fdr=rate).predict(batch) == -1
        out["fdr", rate] = (raised[:usual].sum() / max(1, raised.sum()), raised[usual:].mean())
        raised = OnlineDiscoveries(rate, len(batch)).alarms(p[order], np.zeros(len(batch)))
        out["online", rate] = ((raised & ~truth[order]).sum() / max(1, raised.sum()), raised[truth[order]].mean())
    return out


def _band(alpha: float, calibrated: int, tested: int) -> tuple[float, float]:
    """Return where the mean share of false alarms over the splits lies with a probability of 99 %, by simulation."""
    k = int((np.arange(1, calibrated + 1) / (calibrated + 1) <= alpha).sum())
    if k == 0:
        return 0.0, 0.0
    draws = betabinom(tested, k, calibrated + 1 - k).rvs((BAND_DRAWS, SPLITS), random_state=0) / tested
    low, high = np.quantile(draws.mean(axis=1), [0.005, 0.995])
    return float(low), float(high)


if __name__ == "__main__":
    print(run())
