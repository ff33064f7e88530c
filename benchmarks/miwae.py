"""MIWAE, a peer that fills gaps: a VAE fitted by its importance-weighted bound on what is observed.

Pierre-Alexandre Mattei and Jes Frellsen, "MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets",
2019, https://arxiv.org/abs/1812.02633. There is no package of it. Two hidden layers of 128 units, a code of ten, a
Student's t with three degrees of freedom or more for each entry, Adam at 0.001, batches of 64 rows, 20 draws a row.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal, StudentT
from torch.nn.functional import softplus

__all__ = ["MIWAE"]

HIDDEN, CODE, DRAWS, BATCH, STEPS = 128, 10, 20, 64, 3_000
COMPLETING_DRAWS = 500


class MIWAE:
    """Fills the rows that it is fitted to."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(self, rows: np.ndarray) -> Self:
        """Fit to rows (N, n), NaN where a cell is missing."""
        self.mean, self.std = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        z = torch.tensor((rows - self.mean) / np.where(self.std > 0, self.std, 1.0), dtype=torch.float32)
        self.x, self.observed, n = z.nan_to_num(), (~z.isnan()).float(), z.shape[1]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.encoder = _network(n, 2 * CODE)
            self.decoder = _network(CODE, 3 * n)
            optimizer = torch.optim.Adam([*self.encoder.parameters(), *self.decoder.parameters()], lr=1e-3)
            steps = 0
            while steps < STEPS:
                for chosen in torch.randperm(len(z)).split(BATCH):
                    _, log_weights = self._weighed(chosen, DRAWS)
                    optimizer.zero_grad()
                    (-log_weights.logsumexp(0).mean()).backward()
                    optimizer.step()
                    steps += 1
        return self

    @torch.no_grad()
    def complete(self, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the conditional means of all cells, and the ends of their intervals."""
        found = []
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            for chosen in torch.arange(len(self.x)).split(BATCH):
                p, log_weights = self._weighed(chosen, COMPLETING_DRAWS)
                means = (log_weights.softmax(0)[..., None] * p.loc).sum(0)
                which = Categorical(logits=log_weights.T).sample((COMPLETING_DRAWS,))
                draws = p.sample().gather(0, which[..., None].expand(-1, -1, means.shape[1]))
                found.append(torch.stack([means, *draws.quantile(torch.tensor([1 - level, 1 + level]) / 2, dim=0)]))
        means, low, high = torch.cat(found, 1).numpy() * self.std + self.mean
        return means, low, high

    def _weighed(self, chosen: Tensor, draws: int) -> tuple[StudentT, Tensor]:
        """Return p(x|z) of some rows at draws of z ~ q(z|x), and log p(x_seen, z) − log q(z|x)."""
        x, observed = self.x[chosen], self.observed[chosen]
        mean, raw = self.encoder(x).chunk(2, -1)
        q = Normal(mean, softplus(raw) + 1e-4)
        z = q.rsample((draws,))
        loc, scale, df = self.decoder(z).chunk(3, -1)
        p = StudentT(softplus(df) + 3, loc, softplus(scale) + 1e-3)
        seen = (p.log_prob(x) * observed).sum(-1)
        return p, seen + (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).sum(-1)


def _network(inputs: int, outputs: int) -> nn.Sequential:
    layers = [nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs)]
    return nn.Sequential(*layers)
