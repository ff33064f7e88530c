"""What the sample metrics cost on 10,000 rows of 784 pixels."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

from isthmus import metrics
from isthmus.datasets import load

from .report import table


def run() -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    data = load("fashion-mnist")
    real, fake, train = (
        a.reshape(len(a), -1) / 255 for a in (data.test, data.train[:10_000], data.train[10_000:20_000])
    )
    labels = data.train_labels[10_000:20_000]
    small = metrics.small_classifier(train, labels)
    runs: dict[str, Callable[[], object]] = {
        "precision_recall": lambda: metrics.precision_recall(real, fake),
        "density_coverage": lambda: metrics.density_coverage(real, fake),
        "frechet_distance": lambda: metrics.frechet_distance(real, fake),
        "kernel_distance": lambda: metrics.kernel_distance(real, fake),
        "mmd": lambda: metrics.mmd(real, fake),
        "two_sample_accuracy": lambda: metrics.two_sample_accuracy(real, fake),
        "small_classifier": lambda: metrics.small_classifier(train, labels),
        "class_coverage": lambda: metrics.class_coverage(fake, small.labels, labels),
        "memorisation": lambda: metrics.memorisation(train, real, fake),
        "parzen_log_likelihood": lambda: metrics.parzen_log_likelihood(fake, real[:5000], real[5000:]),
        "ssim": lambda: metrics.ssim(real.reshape(-1, 28, 28), fake.reshape(-1, 28, 28)),
    }
    rows, total, cpu = [], 0.0, 0.0
    for name, measure in runs.items():
        started, used = time.perf_counter(), time.process_time()
        measure()
        wall, busy = time.perf_counter() - started, time.process_time() - used
        total, cpu = total + wall, cpu + busy
        rows.append([f"`{name}`", f"{wall:.1f}", f"{busy:.1f}"])
        print(rows[-1], flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        "Fashion-MNIST's test set beside as many training rows, each sample metric once. Processor seconds are what it "
        "used; seconds are longer where others had the processors. The process grew from "
        f"{before:.1f} to {peak:.1f} GiB, three such arrays in float64 included.\n\n"
        + table(["metric", "seconds", "processor seconds"], [*rows, ["together", f"{total:.1f}", f"{cpu:.1f}"]])
    )
