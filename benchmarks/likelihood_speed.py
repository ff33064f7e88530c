"""Importance-weighted log-likelihood: `score_samples(X, n_draws)` against pythae's `get_nll`."""

from __future__ import annotations

import tempfile

import numpy as np
import torch

from isthmus import VAE
from isthmus.datasets import load
from isthmus.networks import MLP

from .contest import pythae_trainer, quiet
from .report import table
from .timing import clock, ratio, take_turns, verdict

TARGET = 20.0


def run(rows: int = 1_000, draws: int = 500, turns: int = 3, peer_rows: int = 100) -> str:
    data = load("fashion-mnist")
    X, test = data.train.reshape(-1, 784)[:10_000], data.test.reshape(-1, 784)[:rows]
    vae = VAE(20, network=MLP((400,)), likelihood="bernoulli", max_epochs=2, random_state=0).fit(X)
    scaled = test.astype(np.float32) / 255
    with tempfile.TemporaryDirectory() as folder:
        peer = pythae_trainer((784, 400, 20), scaled, folder, variational=True).model.eval()
    _copy(vae, peer)
    some, values = torch.from_numpy(scaled[: min(peer_rows, rows)]), {}

    def ours() -> float:
        def score() -> None:
            values["isthmus"] = vae.score_samples(test, n_draws=draws)

        return clock(score) / rows

    def theirs() -> float:
        def score() -> None:
            values["pythae"] = peer.get_nll(some, n_samples=draws, batch_size=100)

        with quiet():
            return clock(score) / len(some)

    def floor() -> float:
        return clock(lambda: _decoder_products(rows, draws)) / rows

    vae.score_samples(test[:100], n_draws=draws)  # warm-up
    measured = take_turns({"isthmus": ours, "pythae": theirs, "products": floor}, turns)
    gain = ratio(measured["pythae"], measured["isthmus"])
    lines = [
        ["isthmus", f"{np.median(measured['isthmus']) * rows:.2f}", f"{values['isthmus'][: len(some)].mean():.2f}"],
        ["pythae", f"{np.median(measured['pythae']) * rows:.2f}", f"{float(values['pythae']):.2f}"],
    ]
    lines.append(["the decoder's bare matrix products", f"{np.median(measured['products']) * rows:.2f}", ""])
    return (
        f"{rows:,} test rows of Fashion-MNIST × {draws} draws, VAE 784-400-20, the same weights in both; "
        "isthmus scores all "
        f"rows, pythae, which loops over rows, the first {len(some)}, its time scaled up (blocks of 100 draws, "
        "its default; "
        f"its result is the mean of log p, whatever its name says). log p is the mean of those {len(some)} rows.\n\n"
        + table(["who", f"seconds for {rows:,} rows", "log p, nats"], lines)
        + "\n\n"
        + table(["ratio", "measured", "held to", ""], [["pythae's time ÷ isthmus's", *verdict(gain, TARGET)]])
    )


def _decoder_products(rows: int, draws: int) -> None:
    """zWᵀ of both layers for every row and draw: what no method that decodes each draw in float32 goes below."""
    w, v = torch.rand(400, 20), torch.rand(784, 400)
    z, h, out = torch.rand(4_096, 20), torch.empty(4_096, 400), torch.empty(4_096, 784)
    for _ in range(max(1, round(rows * draws / len(z)))):
        torch.mm(z, w.t(), out=h)
        torch.mm(h, v.t(), out=out)


@torch.no_grad()
def _copy(vae: VAE, peer) -> None:
    """Give the peer isthmus's weights; its encoder has μ and log σ² as two layers and looks at x, not at x − x̄."""
    encoder, decoder = (
        [layer for layer in part.modules() if isinstance(layer, torch.nn.Linear)]
        for part in (vae.model_.networks["encoder"], vae.model_.networks["decoder"])
    )
    (first, code), (back, last) = encoder, decoder
    halves = zip(code.weight.chunk(2), code.bias.chunk(2), strict=True)
    peer.encoder.body[0].load_state_dict(first.state_dict())
    peer.encoder.body[0].bias -= first.weight @ vae.model_.scaling.centre.to(first.weight.dtype)
    for layer, (weight, bias) in zip((peer.encoder.mu, peer.encoder.log_variance), halves, strict=True):
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    peer.decoder.body[0][0].load_state_dict(back.state_dict())
    peer.decoder.body[1].load_state_dict(last.state_dict())
