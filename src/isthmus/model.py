"""The module that holds all parts of a composition, and a forward pass through it."""

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
from .distributions import draw, draw_rows, log_prob, log_probs
from .errors import CompositionError
from .facts import Facts
from .likelihood import Likelihood
from .posterior import Posterior
from .prior import Prior
from .scaling import Scaling, is_wide
from .source import Source
from .tensors import observed_in
from .term import Term

__all__ = ["IN_DATA_UNITS", "Model", "Pass"]


IN_DATA_UNITS = ("scaling", "corruption")
"""The parts of a model that work in the data's units; their buffers are float64 whatever the dtype of the weights."""


class Model(nn.Module):
    """The composition x → x̃ → q(z|x̃) → z → p(x|z) with p(z): networks by name, and the conditionals that they feed.

    A part that the composition lacks is None, or absent from `networks`. Samples enter in the data's units; codes,
    passes and distributions are in the model's units (`scaling`). Every distribution may depend on a condition c.

    Parameters
    ----------
    facts : the data's shape and the code's width.
    scaling : the map between the data's units and the model's.
    networks : modules by name. ``encoder`` maps x to the posterior's context, ``decoder`` maps z to the likelihood's,
        and ``prior`` maps c to the prior's. Judges use any other.
    posterior, likelihood, prior : the three conditionals.
    sampling_prior : the prior that codes of new samples are drawn from; None is `prior` itself.
    corruption : p(x̃|x), used in training only.
    terms : the terms of the players' objectives; the model keeps those with weights of their own.

    Attributes
    ----------
    fixed : the condition (c,) to use if none is passed, or None.
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
        sampling_prior: Prior | None = None,
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
        place, _, name = next((name for name, _ in self.networks.named_parameters()), "").rpartition(".")
        self._weight = self.networks.get_submodule(place), name  # to look one up anew takes longer than a small layer
        self.posterior = None if posterior is None else posterior.build(facts)
        self.likelihood = None if likelihood is None else likelihood.build(facts)
        facts = replace(facts, encode=None if posterior is None else self.encode)
        self.prior = None if prior is None else prior.build(facts)
        self.sampling_prior = None if sampling_prior is None else sampling_prior.build(facts)
        self.corruption = corruption.build(facts) if isinstance(corruption, Corruption) else corruption
        built = {name: term.build(facts) for name, term in (terms or {}).items()}
        self.terms = nn.ModuleDict({name: term for name, term in built.items() if isinstance(term, nn.Module)})

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of weights, codes and losses."""
        owner, name = self._weight
        dtype: torch.dtype = getattr(owner, name).dtype
        return dtype

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        owner, name = self._weight
        device: torch.device = getattr(owner, name).device
        return device

    def place(self, device: torch.device, dtype: torch.dtype) -> Model:
        """Move the model; parts in the data's units stay in float64 if the device has it."""
        for name, child in self.named_children():
            child.to(device, torch.float32 if device.type == "mps" else None if name in IN_DATA_UNITS else dtype)
        return self

    def scaled(self, x: Tensor) -> Tensor:
        """Return x, which is in the data's units, in the model's units."""
        x_model: Tensor = self.scaling(x, self.dtype)
        return x_model

    def observed(self, x: Tensor) -> Tensor | None:
        """Return which entries of x, in the data's units, are not NaN; None where all are, or the units read NaN."""
        return None if self.scaling.reads_gaps else observed_in(x)

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
        """Draw n codes for new samples, (n, d), or one code for each condition."""
        p: Distribution = self.p_z(condition) if self.sampling_prior is None else self.sampling_prior(None)
        return draw_rows(p, n, source)

    def term(self, term: Term) -> Any:
        """Return this model's module for the term if the term has weights, otherwise the term itself."""
        return self.terms[term.name] if term.name in self.terms else term  # noqa: SIM401  (a ModuleDict has no get)

    def through(self, name: str, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the output of the network of that name for x, (N, ...), and a condition, (N, c).

        In a bfloat16 fit, matrix products are computed in bfloat16; the result has the dtype of x.
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
        """Compute without bfloat16 inside this context, since norms of gradients need float32."""
        before, self.mixed = self.mixed, False
        try:
            yield
        finally:
            self.mixed = before


class Pass:
    """One forward pass, shared by all terms of all players in a turn.

    Each value is computed at its first use and then kept, so that a composition only pays for what it uses: a model
    whose terms never read p(x|z) runs no decoder. All values are in the model's units.

    Parameters
    ----------
    model : the composition.
    batch : rows in the data's units.
    source : the source of all randomness in the pass.
    draws : the leading shape of z, which is (*draws, N, d).
    given : values that are not to be computed: ``Pass(model, batch, source, z=z)`` decodes that code.
    """

    def __init__(self, model: Model, batch: Batch, source: Source, draws: tuple[int, ...] = (), **given: Any) -> None:
        self.model, self.batch, self.source, self.draws = model, batch, source, draws
        self._computed: dict[str, tuple[Any, bool]] = {name: (value, True) for name, value in given.items()}

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return the value of that name, which `compute` returns at the first call.

        A value that was computed without a graph is computed again once gradients are enabled.
        """
        value, with_graph = self._computed.get(name, (None, False))
        if name in self._computed and (with_graph or not torch.is_grad_enabled()):
            return value
        value = compute()
        self._computed[name] = value, torch.is_grad_enabled()
        return value

    @property
    def condition(self) -> Tensor | None:
        """The condition c of every row, (N, c), followed by the numbers that the corruption returns, or None."""
        c = self.met.condition if self.model.corruption_width else self.batch.condition
        return None if c is None else c.to(self.model.dtype)

    @property
    def x(self) -> Tensor:
        """The samples, (N, ...); the values of unobserved entries are arbitrary."""
        x: Tensor = self.once("x", lambda: self.model.scaled(self.met.x))
        return x

    @property
    def met(self) -> Batch:
        """The batch as the encoder gets it: with all tensors that the corruption returns, x̃ as ``noisy``.

        A corruption that returns ``x`` draws the target anew, too.
        """
        if self.model.corruption is None and not self.model.corruption_width:
            return self.batch
        if "met" not in self._computed:
            self._computed["met"] = self._corrupted(), True
        met: Batch = self._computed["met"][0]
        return met

    def _corrupted(self) -> Batch:
        model, x, condition = self.model, self.batch.x, self.batch.condition
        found: dict[str, Tensor] = {}
        if model.corruption is not None and self.batch.noisy is None and "x_tilde" not in self._computed:
            number = model.scaling.shift.dtype if is_wide(x.dtype) else model.dtype
            drawn = model.corruption(x if x.is_floating_point() else x.to(number), self.source)
            found = {"noisy": drawn} if isinstance(drawn, Tensor) else dict(drawn)
        extra = found.pop("condition", None)
        if model.corruption_width and (condition is None or condition.shape[1] < model.condition_width):
            if extra is None:
                extra = torch.zeros(len(x), model.corruption_width, dtype=model.dtype, device=x.device)
            condition = extra if condition is None else torch.cat([condition, extra.to(condition.dtype)], 1)
        return self.batch.having(**found, condition=condition)

    @property
    def x_tilde(self) -> Tensor:
        """The encoder's input: a real noisy partner of x, a corruption of x, or x itself."""
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
    def entries(self) -> Tensor:
        """Log p(xⱼ|z) of every entry, (*draws, N, ...)."""
        value: Tensor = self.once("entries", lambda: log_probs(self.p, self.x))
        return value

    @property
    def log_likelihood(self) -> Tensor:
        """Log p(x|z) of the observed entries, (*draws, N)."""
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
        z: Tensor = self.once("z_prior", lambda: draw_rows(self.p_z, self.batch.rows, self.source))
        return z

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
