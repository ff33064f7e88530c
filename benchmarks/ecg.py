"""An electrocardiogram in noise: denoising autoencoders on windows of it against a Savitzky–Golay filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.signal import find_peaks, savgol_filter

from isthmus import DenoisingAutoencoder
from isthmus.corruption import Gaussian
from isthmus.datasets import load
from isthmus.networks import MLP, UNet

from .report import table

NOISE_MV = (0.1, 0.3)
LENGTH, STEP = 256, 64
"""Samples in a window (0.7 s) and between the starts of two windows that overlap."""

FILTERS = [(window, order) for window in range(5, 52, 2) for order in range(2, 7) if order < window]

PEAK_PROMINENCE_MV, PEAK_DISTANCE = 1.0, 90
"""What a peak of the clean signal stands out by, and how many samples apart two are (0.25 s)."""

PEAK_SHIFT = 4
"""Samples either side of a peak in which the estimate may have its own (11 ms)."""


class Cleaned(NamedTuple):
    """What a method made of the noisy test part, and what it is."""

    signal: np.ndarray
    method: str


def windows(signal: np.ndarray, step: int) -> np.ndarray:
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(signal, LENGTH)[::step])


def joined(W: np.ndarray, step: int) -> np.ndarray:
    """Put windows together again; where several overlap, a mean that trusts the middle of each most."""
    trust = np.hanning(LENGTH + 2)[1:-1]
    total, weight = np.zeros((2, step * (len(W) - 1) + LENGTH))
    for i, window in enumerate(W):
        total[i * step : i * step + LENGTH] += trust * window
        weight[i * step : i * step + LENGTH] += trust
    return total / weight


def filtered(train: np.ndarray, noisy: np.ndarray, std: float) -> Cleaned:
    """The Savitzky–Golay filter whose window and order have the least error on the training part, in the same noise."""
    met = train + std * np.random.default_rng(0).normal(size=train.shape)
    errors = {f: float(np.mean((savgol_filter(met, *f) - train) ** 2)) for f in FILTERS}
    window, order = min(errors, key=errors.__getitem__)
    return Cleaned(savgol_filter(noisy, window, order), f"Savitzky–Golay, {window} samples, order {order}")


def cleaned(
    make: Callable[..., DenoisingAutoencoder], step: int, train: np.ndarray, noisy: np.ndarray, std: float
) -> np.ndarray:
    model = make(corruption=Gaussian(std), likelihood="gaussian", random_state=0).fit(windows(train, step))
    return joined(model.reconstruct(windows(noisy, step)), step)


MODELS: dict[str, tuple[Callable[..., DenoisingAutoencoder], int]] = {
    "`DenoisingAutoencoder()`, windows side by side": (DenoisingAutoencoder, LENGTH),
    "`DenoisingAutoencoder(256, network=MLP((512,)))`, windows overlap": (
        lambda **given: DenoisingAutoencoder(256, network=MLP((512,)), max_epochs=30, **given),
        STEP,
    ),
    "`DenoisingAutoencoder(network=UNet())`, windows side by side": (
        lambda **given: DenoisingAutoencoder(network=UNet(), max_epochs=60, **given),
        LENGTH,
    ),
    "`DenoisingAutoencoder(network=UNet())`, windows overlap": (
        lambda **given: DenoisingAutoencoder(network=UNet(), max_epochs=15, **given),
        STEP,
    ),
}


def run() -> str:
    torch.set_num_threads(1)
    data = load("ecg")
    train, test = data.train.reshape(-1).astype(np.float64), data.test.reshape(-1).astype(np.float64)
    peaks = find_peaks(test, prominence=PEAK_PROMINENCE_MV, distance=PEAK_DISTANCE)[0]
    peaks = peaks[(peaks >= PEAK_SHIFT) & (peaks < len(test) - PEAK_SHIFT)]
    power, lines = test.var(), []
    for std in NOISE_MV:
        noisy = test + std * np.random.default_rng(1).normal(size=test.shape)
        found = [Cleaned(noisy, "the noisy signal"), filtered(train, noisy, std)]
        for name, (make, step) in MODELS.items():
            found.append(Cleaned(cleaned(make, step, train, noisy, std), name))
        reference = _decibels(power, found[1].signal - test)
        for one in found:
            near = np.stack([one.signal[peaks + shift] for shift in range(-PEAK_SHIFT, PEAK_SHIFT + 1)]).max(0)
            error, ratio = near - test[peaks], _decibels(power, one.signal - test)
            lines.append(
                [
                    f"{std:g}",
                    one.method,
                    f"{ratio:.1f}",
                    f"{ratio - reference:+.1f}",
                    f"{error.mean():+.3f}",
                    f"{np.sqrt(np.mean(error**2)):.3f}",
                ]
            )
            print(*lines[-1], flush=True)
    head = ["noise, mV", "method", "dB", "beyond the filter", "peaks: mean error, mV", "peaks: RMS error, mV"]
    return (
        f"Five minutes of an electrocardiogram (MIT-BIH, record 208, 360 Hz): fitted to the first {len(train):,} "
        f"samples, tested on the last {len(test):,}, to which Gaussian noise is added. dB is the variance of the clean "
        f"signal over the mean squared error. Windows of {LENGTH} samples lie side by side, or begin every {STEP} "
        "samples and what comes of them is averaged where they overlap. The Savitzky–Golay filter's window (5 to 51) "
        f"and order (2 to 6) are those with the least error on the training part. At the {len(peaks)} peaks that stand "
        f"out by {PEAK_PROMINENCE_MV:g} mV (mean height {test[peaks].mean():.2f} mV) the estimate's highest value "
        f"within {PEAK_SHIFT} samples is held against the clean one. Held to: at least 1 dB better than the filter.\n\n"
        + table(head, lines)
    )


def _decibels(power: float, error: np.ndarray) -> float:
    return float(10 * np.log10(power / np.mean(error**2)))
