"""Training on a GPU: isthmus, captured and not, beside pythae, plain loops and the device's own rate."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from isthmus import GAN, Autoencoder, Training
from isthmus.datasets import load
from isthmus.networks import MLP

from .contest import SYSTEMS, System, isthmus_model, pythae_speed, pythae_trainer, quiet, tight_loop
from .report import table
from .timing import Fits, rate, ratio, repaid, take_turns, verdict

BATCHES = (100, 256, 1024)
TURNS = 3
SECONDS = 0.5
"""At least so long is measured a turn."""

OURS, SINGLE, PLAIN, COMPILED = (
    "isthmus, default",
    "isthmus, float32",
    "isthmus, not captured",
    "isthmus, compiled",
)
PYTHAE, TIGHT, TIGHT16 = "pythae", "tight loop, float32", "tight loop, bfloat16"
VARIANTS = {
    OURS: {"precision": "auto"},
    SINGLE: {"precision": "float32"},
    PLAIN: {"precision": "auto", "capture": False},
    COMPILED: {"precision": "auto", "compile": True},
}
ALL_AT = 256
"""The batch size at which all variants are timed; compiling costs seconds, and so does a step that is not captured."""

GAN_BATCH = 128
WIDE, WIDE_BATCH, WIDE_ROWS = 4096, 8192, 131_072


def run() -> str | None:
    if not torch.cuda.is_available():
        return None
    device = torch.device("cuda")
    X = load("fashion-mnist").train
    speeds, ratios, compiling = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for system in SYSTEMS:
            for batch in BATCHES if system.variational else (ALL_AT,):
                contestants = _contestants(system, X.reshape(-1, 784), batch, device, folder)
                measured = take_turns(contestants, TURNS)
                if COMPILED in contestants:
                    once = contestants[COMPILED].compilation
                    compiling.append([system.name, batch, *repaid(once, measured[OURS], measured[COMPILED])])
                speeds += [[system.name, batch, who, f"{np.median(v) / 1e3:,.0f}"] for who, v in measured.items()]
                ratios += _compare(system.name, batch, measured)
    return "\n\n".join(
        [
            f"{torch.cuda.get_device_name()}. Fashion-MNIST, 60,000 rows, Adam; everything as under Speed of training, "
            f"{TURNS} turns of at least {SECONDS:g} s each. Steps are not compiled but where it says so.",
            table(["system", "batch", "contestant", "thousand rows a second"], speeds),
            table(["system", "batch", "ratio", "measured", "held to", ""], ratios),
            table(["system", "batch", "compilation, seconds", "repaid after rows"], compiling),
            _using(X.reshape(-1, 784), device),
            _adversarial(X, device),
            _wide(device),
        ]
    )


def _warm(make: Callable[[int], object], X: np.ndarray) -> Fits:
    fits = Fits(make, X, SECONDS)
    fits()
    return fits


def _contestants(system: System, X: np.ndarray, batch: int, device: torch.device, folder: str) -> dict[str, Any]:
    scaled = np.float32(1 / 255) * X.astype(np.float32)
    x = torch.from_numpy(scaled).to(device)
    who: dict[str, Any] = {}
    for name, variant in VARIANTS.items():
        if name in (COMPILED, PLAIN) and batch != ALL_AT:
            continue
        what = {"batch_size": batch, "compile": False, "device": "cuda", **variant}
        who[name] = _warm(lambda epochs, what=what: isthmus_model(system, epochs=epochs, **what), X)
    trainer = pythae_trainer(
        (784, system.hidden, system.latent),
        scaled,
        folder,
        variational=system.variational,
        device=device.type,
        per_device_train_batch_size=batch,
    )
    who[PYTHAE] = lambda: pythae_speed(trainer, SECONDS)
    for name, mixed in {TIGHT: False, TIGHT16: True}.items():
        who[name] = _paced(tight_loop(system, x, batch, mixed))
    return who


def _paced(step: Callable[[], int]) -> Callable[[], float]:
    """Rows a second of a step, the device waited for every hundred steps."""

    def hundred() -> int:
        rows = sum(step() for _ in range(100))
        torch.cuda.synchronize()
        return rows

    hundred()
    return lambda: rate(hundred, SECONDS)


def _compare(name: str, batch: int, measured: Mapping[str, np.ndarray]) -> list[list[object]]:
    lines = []
    for ours, theirs in (
        (COMPILED, PYTHAE),
        (OURS, PYTHAE),
        (SINGLE, PYTHAE),
        (OURS, PLAIN),
        (COMPILED, TIGHT16),
        (OURS, TIGHT16),
        (SINGLE, TIGHT),
    ):
        if not measured.keys() >= {ours, theirs}:
            continue
        found = ratio(measured[ours], measured[theirs])
        held = ours in (OURS, COMPILED) and theirs == PYTHAE and batch == ALL_AT
        cells = verdict(found, 20) if held else (f"{found:.2f}", "", "")
        lines.append([name, batch, f"{ours} ÷ {theirs}", *cells])
    return lines


# A fitted model.


def _using(X: np.ndarray, device: torch.device) -> str:
    """A fitted VAE at work, arrays in and arrays out, beside its nets called on everything at once, and pythae."""
    vae = isthmus_model(SYSTEMS[0], epochs=1, batch_size=256, precision="auto", compile=False, device="cuda").fit(X)
    model, test = vae.model_, X[:1_000]

    @torch.no_grad()
    def whole() -> int:
        model.encode(model.scaled(torch.from_numpy(X).to(device))).mean.cpu().numpy()
        return len(X)

    @torch.no_grad()
    def drawn() -> int:
        model.decode(torch.randn(len(X), 20, device=device)).mean.cpu().numpy()
        return len(X)

    def counted(work: Callable[[], object], rows: int) -> Callable[[], float]:
        work()
        return lambda: rate(lambda: (work(), rows)[1], SECONDS)

    with tempfile.TemporaryDirectory() as folder:
        scaled = np.float32(1 / 255) * test.astype(np.float32)
        peer = pythae_trainer((784, 400, 20), scaled, folder, variational=True, device="cuda").model.eval()
        some = torch.from_numpy(scaled[:20]).to(device)

        def scored() -> None:
            with quiet():
                peer.get_nll(some, n_samples=500, batch_size=500)

        who = {
            "transform, isthmus": counted(lambda: vae.transform(X), len(X)),
            "transform, the nets alone": counted(whole, len(X)),
            "sample, isthmus": counted(lambda: vae.sample(len(X)), len(X)),
            "sample, the nets alone": counted(drawn, len(X)),
            "score_samples(n_draws=500), isthmus": counted(lambda: vae.score_samples(test, n_draws=500), len(test)),
            "get_nll(n_samples=500), pythae": counted(scored, len(some)),
        }
        measured = take_turns(who, TURNS)
    lines = [[name, f"{np.median(v) / 1e3:,.2f}"] for name, v in measured.items()]
    return table(["VAE 784-400-20, 60,000 rows, or 1,000 scored", "thousand rows a second"], lines)


# Adversarial nets.


def _adversarial(X: np.ndarray, device: torch.device) -> str:
    """Default convolutional GANs on images of 28 × 28 and of 64 × 64 in colour, beside a plain loop over their nets."""
    colour = np.random.default_rng(0).integers(256, size=(6_400, 3, 64, 64), dtype=np.uint8)
    lines = []
    for name, images in (("28 × 28", X[:12_800]), ("3 × 64 × 64", colour)):
        who = {
            label: _warm(
                lambda epochs, more=more: GAN(
                    64,
                    batch_size=GAN_BATCH,
                    max_epochs=epochs,
                    random_state=0,
                    device="cuda",
                    training=Training(**more),
                ),
                images,
            )
            for label, more in {OURS: {"compile": False}, PLAIN: {"compile": False, "capture": False}}.items()
        }
        fitted = GAN(64, batch_size=GAN_BATCH, max_epochs=1, random_state=0, device="cuda").fit(images[: 2 * GAN_BATCH])
        who["plain loop"] = _paced(_plain_gan(fitted, images, GAN_BATCH, device))
        measured = take_turns(who, TURNS)
        weights = sum(p.numel() for p in fitted.model_.parameters())
        lines += [
            [
                f"GAN, {name}",
                f"{weights / 1e6:.1f}",
                label,
                f"{np.median(v) / 1e3:,.1f}",
                f"{ratio(v, measured['plain loop']):.2f}",
            ]
            for label, v in measured.items()
        ]
    return table(
        [
            f"default convolutional GAN, batch {GAN_BATCH}",
            "million weights",
            "contestant",
            "thousand rows a second",
            "÷ plain loop",
        ],
        lines,
    )


def _plain_gan(fitted: GAN, images: np.ndarray, batch: int, device: torch.device) -> Callable[[], int]:
    """Return a step of a plain loop over the same nets: autocast, fused Adam, R1, averaged weights, no number read."""
    model = fitted.model_.train()
    G, D, gamma, shape = model.decoder, model.discriminator, fitted.penalties_[0].weight, images.shape[1:]
    x = torch.from_numpy(images).to(device).float() / 255
    averaged = copy.deepcopy(G)
    adam = {net: torch.optim.Adam(net.parameters(), 1e-3, betas=(0.0, 0.99), fused=True) for net in (G, D)}
    mixed = torch.autocast("cuda", torch.bfloat16)

    def generate() -> Tensor:
        with mixed:
            out = G(torch.randn(batch, fitted.latent_dim_, device=device))
        return out.float().reshape(batch, *shape).sigmoid()

    def judge(images: Tensor) -> Tensor:
        with mixed:
            out = D(images)
        return out.float().reshape(-1)

    def move(net: nn.Module, loss: Tensor) -> None:
        adam[net].zero_grad()
        loss.backward(inputs=list(net.parameters()))
        adam[net].step()

    def step() -> int:
        real = x.index_select(0, torch.randint(len(x), (batch,), device=device))
        with torch.no_grad():
            fake = generate()
        at = real.clone().requires_grad_()
        (slope,) = torch.autograd.grad(D(at).sum(), at, create_graph=True)
        penalty = 0.5 * gamma * slope.flatten(1).square().sum(1)
        move(D, (softplus(-judge(real)) + softplus(judge(fake)) + penalty).mean())
        move(G, softplus(-judge(generate())).mean())
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), list(G.parameters()), 0.001)
        return batch

    return step


# The device's own rate.


def _wide(device: torch.device) -> str:
    """A 4096-wide MLP at batch 8192: the operations of its matrix products over the time of its steps."""
    X = np.random.default_rng(0).integers(256, size=(WIDE_ROWS, WIDE), dtype=np.uint8)
    widths = [WIDE, WIDE, WIDE, 64, WIDE, WIDE, WIDE]
    forward = 2 * sum(a * b for a, b in pairwise(widths))
    operations = 3 * forward - 2 * WIDE * WIDE  # the first layer passes no gradient on

    def speed(**more: object) -> Fits:
        return _warm(
            lambda epochs: Autoencoder(
                64,
                network=MLP((WIDE, WIDE)),
                batch_size=WIDE_BATCH,
                max_epochs=epochs,
                random_state=0,
                device="cuda",
                training=Training(**more),
            ),
            X,
        )

    a, b = (torch.randn(n, WIDE, device=device, dtype=torch.bfloat16) for n in (WIDE_BATCH, WIDE))
    per_row = 2 * WIDE * WIDE

    def product() -> int:
        torch.mm(a, b)
        return WIDE_BATCH

    who = {"isthmus, default": speed(compile=False), "isthmus, compiled": speed(compile=True)}
    measured = take_turns({**who, "product": _paced(product)}, TURNS)
    peak = measured.pop("product") * per_row / 1e12
    lines = [
        [
            name,
            f"{np.median(v) / 1e3:,.0f}",
            f"{np.median(v) * operations / 1e12:,.0f}",
            *verdict(ratio(v * operations / 1e12, peak), 0.5),
        ]
        for name, v in measured.items()
    ]
    lines.append([f"{WIDE_BATCH} × {WIDE} × {WIDE} in bfloat16", "", f"{np.median(peak):,.0f}", "1.00", "", ""])
    return table(
        [
            "autoencoder 4096-4096-4096-64, batch 8192",
            "thousand rows a second",
            "Tflop/s",
            "of the product's",
            "held to",
            "",
        ],
        lines,
    )
