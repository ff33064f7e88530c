"""The module that holds the parts of a composition, and one pass through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .batch import Batch
from .corruption import Corruption
from .distributions import draw, log_prob
from .errors import CompositionError
from .facts import Facts
from .likelihood import Likelihood
from .posterior import Posterior
from .prior import Prior
from .scaling import Scaling
from .source import Source
from .term import Term

__all__ = ["IN_DATA_UNITS", "Model", "Pass"]


IN_DATA_UNITS = ("scaling", "corruption")
"""The parts of a model whose numbers are in the data's units, and so in float64 whatever the weights are in."""


class Model(nn.Module):
    """The composition x → x̃ → q(z|x̃) → z → p(x|z) with p(z): networks by name, and what their outputs mean.

    What a composition does not have is None, or absent from `networks`. Samples that come in are in the data's units;
    codes, passes and distributions are in the model's (`scaling`). Every distribution may depend on a condition c.

    Parameters
    ----------
    facts : the data's shape and the code's width.
    scaling : the data's units ↔ the model's.
    networks : modules by name. ``encoder`` maps x to the posterior's context, ``decoder`` z to the likelihood's,
        ``prior`` c to the prior's; any other is a judge's.
    posterior, likelihood, prior : the three conditionals.
    corruption : p(x̃|x), used in training only.
    terms : the terms of the players' objectives; those that have weights are kept here.

    Attributes
    ----------
    fixed : the condition (c,) that holds wherever none is given, or None.
    gaps : whether entries of the training rows were not observed.
    """

    def __init__(
        self,
        facts: Facts,
        *,
        scaling: Scaling,
        networks: Mapping[str, nn.Module],
        posterior: Posterior | None = None,
        likelihood: Likelihood | None = None,
        prior: Prior | None = None,
        corruption: Corruption | Callable[..., Any] | None = None,
        terms: Mapping[str, Term] | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.latent_dim = facts.shape, facts.latent_dim
        self.condition_width, self.rows, self.gaps = facts.condition, facts.rows, facts.gaps
        self.corruption_width = int(getattr(corruption, "condition_width", 0))
        self.mixed = False
        self.fixed: Tensor | None = None
        self.has_density = posterior is not None and posterior.has_density
        self.scaling = scaling
        self.networks = nn.ModuleDict(networks)
        self.posterior = None if posterior is None else posterior.build(facts)
        self.likelihood = None if likelihood is None else likelihood.build(facts)
        facts = replace(facts, encode=None if posterior is None else self.encode)
        self.prior = None if prior is None else prior.build(facts)
        self.corruption = corruption.build(facts) if isinstance(corruption, Corruption) else corruption
        built = {name: term.build(facts) for name, term in (terms or {}).items()}
        self.terms = nn.ModuleDict({name: term for name, term in built.items() if isinstance(term, nn.Module)})

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of weights, codes and losses."""
        return next(self.networks.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.networks.parameters()).device

    def place(self, device: torch.device, dtype: torch.dtype) -> Model:
        """Move the model; what is in the data's units stays in float64 wherever the device has it."""
        for name, child in self.named_children():
            child.to(device, torch.float32 if device.type == "mps" else None if name in IN_DATA_UNITS else dtype)
        return self

    def scaled(self, x: Tensor) -> Tensor:
        """Return x, in the data's units, in the model's."""
        x_model: Tensor = self.scaling(x, self.dtype)
        return x_model

    def encode(self, x: Tensor, condition: Tensor | None = None, observed: Tensor | None = None) -> Distribution:
        """Return q(z|x, c) for x in the model's units."""
        if self.posterior is None:
            raise CompositionError("this model has no posterior: it cannot encode")
        condition = self.fixed.expand(len(x), -1) if condition is None and self.fixed is not None else condition
        context = self.through("encoder", self.scaling.inputs(x, observed), condition)
        q: Distribution = self.posterior(context.flatten(1))
        return q

    def decode(self, z: Tensor, condition: Tensor | None = None) -> Distribution:
        """Return p(x|z, c) for codes (..., d); leading dimensions become batch dimensions."""
        if self.likelihood is None:
            raise CompositionError("this model has no likelihood: it cannot decode")
        flat = z.reshape(-1, z.shape[-1])
        condition = self.fixed if condition is None else condition
        if condition is not None:
            condition = condition.expand(*z.shape[:-1], condition.shape[-1]).reshape(len(flat), -1)
        context = self.through("decoder", flat, condition)
        p: Distribution = self.likelihood(context.reshape(*z.shape[:-1], -1))
        return p

    def p_z(self, condition: Tensor | None = None) -> Distribution:
        """Return the prior p(z), or p(z|c)."""
        if self.prior is None:
            raise CompositionError("this model has no prior")
        context = None
        if "prior" in self.networks and condition is not None:
            context = self.through("prior", condition)
        elif "prior" in self.networks and self.fixed is not None:
            context = self.through("prior", self.fixed[None])[0]
        p: Distribution = self.prior(context)
        return p

    def prior_codes(self, n: int, source: Source, condition: Tensor | None = None) -> Tensor:
        """Draw n codes from the prior, (n, d), or one for each condition."""
        p = self.p_z(condition)
        return draw(p, source, () if p.batch_shape else (n,))

    def term(self, term: Term) -> Any:
        """Return the term with the weights it has in this model, or the term itself if it has none."""
        return self.terms[term.name] if term.name in self.terms else term  # noqa: SIM401  (a ModuleDict has no get)

    def through(self, name: str, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return what the network of that name makes of x, (N, ...), and of a condition, (N, c).

        Matrix products are in bfloat16 where the fit is, and the result is in the dtype of x again.
        """
        if name not in self.networks:
            raise CompositionError(f"this model has no network {name!r}; it has {', '.join(self.networks)}")
        network, given = self.networks[name], (x,) if condition is None else (x, condition)
        if not self.mixed:
            out: Tensor = network(*given)
            return out
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            out = network(*given)
        return out.to(x.dtype)

    @contextmanager
    def full_precision(self) -> Iterator[None]:
        """Leave bfloat16 for a while: norms of gradients want float32."""
        before, self.mixed = self.mixed, False
        try:
            yield
        finally:
            self.mixed = before


class Pass:
    """One forward pass, shared by every term of every player that moves in the same turn.

    What is asked for is computed once, when it is first asked for, so that a composition pays for what it uses: a model
    whose terms never look at p(x|z) runs no decoder. Everything is in the model's units.

    Parameters
    ----------
    model : the composition.
    batch : rows in the data's units.
    source : all randomness of the pass.
    draws : z is of shape (*draws, N, d).
    given : what need not be computed: ``Pass(model, batch, source, z=z)`` decodes that code.
    """

    def __init__(self, model: Model, batch: Batch, source: Source, draws: tuple[int, ...] = (), **given: Any) -> None:
        self.model, self.batch, self.source, self.draws = model, batch, source, draws
        self._computed: dict[str, tuple[Any, bool]] = {name: (value, True) for name, value in given.items()}

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return what `compute` returns, computed at the first call under that name.

        What was computed without a graph is computed again where a graph is wanted.
        """
        value, with_graph = self._computed.get(name, (None, False))
        if name in self._computed and (with_graph or not torch.is_grad_enabled()):
            return value
        value = compute()
        self._computed[name] = value, torch.is_grad_enabled()
        return value

    @property
    def condition(self) -> Tensor | None:
        """The condition c of every row, (N, c), with the one that its corruption returns, or None."""
        c = self.met.condition if self.model.corruption_width else self.batch.condition
        return None if c is None else c.to(self.model.dtype)

    @property
    def x(self) -> Tensor:
        """The samples, (N, ...); where an entry is not observed, its value means nothing."""
        x: Tensor = self.once("x", lambda: self.model.scaled(self.batch.x))
        return x

    @property
    def met(self) -> Batch:
        """The batch as the encoder meets it: with all that the corruption returns, x̃ as ``noisy``."""
        if "met" not in self._computed:
            self._computed["met"] = self._corrupted(), True
        met: Batch = self._computed["met"][0]
        return met

    def _corrupted(self) -> Batch:
        model, x, condition = self.model, self.batch.x, self.batch.condition
        found: dict[str, Tensor] = {}
        if model.corruption is not None and self.batch.noisy is None and "x_tilde" not in self._computed:
            drawn = model.corruption(x if x.is_floating_point() else x.to(model.dtype), self.source)
            found = {"noisy": drawn} if isinstance(drawn, Tensor) else dict(drawn)
        extra = found.pop("condition", None)
        if model.corruption_width and (condition is None or condition.shape[1] < model.condition_width):
            if extra is None:
                extra = torch.zeros(len(x), model.corruption_width, dtype=model.dtype, device=x.device)
            condition = extra if condition is None else torch.cat([condition, extra.to(condition.dtype)], 1)
        return self.batch.having(**found, condition=condition)

    @property
    def x_tilde(self) -> Tensor:
        """What is encoded: the real noisy partner, a corruption of x, or x itself."""
        x_tilde: Tensor = self.once("x_tilde", self._encoded)
        return x_tilde

    def _encoded(self) -> Tensor:
        noisy = self.met.noisy
        return self.x if noisy is None else self.model.scaled(noisy)

    @property
    def q(self) -> Distribution:
        """q(z|x̃)."""
        q: Distribution = self.once("q", lambda: self.model.encode(self.x_tilde, self.condition, self.met.observed))
        return q

    @property
    def z(self) -> Tensor:
        """Draws from q(z|x̃), (*draws, N, d)."""
        z: Tensor = self.once("z", lambda: draw(self.q, self.source, self.draws))
        return z

    @property
    def p(self) -> Distribution:
        """p(x|z)."""
        p: Distribution = self.once("p", lambda: self.model.decode(self.z, self.condition))
        return p

    @property
    def log_likelihood(self) -> Tensor:
        """Log p(x|z) of what is observed, (*draws, N)."""
        value: Tensor = self.once("log_likelihood", lambda: log_prob(self.p, self.x, self.batch.observed))
        return value

    @property
    def p_z(self) -> Distribution:
        """The prior p(z)."""
        p: Distribution = self.once("p_z", lambda: self.model.p_z(self.condition))
        return p

    @property
    def log_weights(self) -> Tensor:
        """Log p(x|z) + log p(z) − log q(z|x) for every draw, (*draws, N)."""
        return self.log_likelihood + self.p_z.log_prob(self.z) - self.q.log_prob(self.z)

    @property
    def z_prior(self) -> Tensor:
        """One code from the prior for every row, (N, d)."""
        z: Tensor = self.once("z_prior", self._drawn_from_prior)
        return z

    def _drawn_from_prior(self) -> Tensor:
        return draw(self.p_z, self.source, () if self.p_z.batch_shape else (self.batch.rows,))

    @property
    def generated(self) -> Tensor:
        """G(z), the mean of p(x|z) at z ~ p(z), (N, ...)."""
        x: Tensor = self.once("generated", lambda: self.p_generated.mean)
        return x

    @property
    def p_generated(self) -> Distribution:
        """p(x|z) at z ~ p(z)."""
        p: Distribution = self.once("p_generated", lambda: self.model.decode(self.z_prior, self.condition))
        return p
