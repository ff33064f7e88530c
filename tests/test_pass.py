"""A pass is lazy and shared: what is asked for is computed once, and players who move at once share it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isthmus import AdversarialAutoencoder
from isthmus.batch import Batch
from isthmus.errors import CompositionError
from isthmus.facts import Facts
from isthmus.judge import Codes
from isthmus.likelihood import Gaussian
from isthmus.model import Model, Pass
from isthmus.networks import MLP
from isthmus.objective import Deceive, Discriminate, Reconstruction, Sum
from isthmus.posterior import Deterministic, DiagonalGaussian
from isthmus.prior import StandardNormal
from isthmus.scaling import Scaling
from isthmus.source import Generated
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player, Training
from isthmus.training.player import turns_of
from isthmus.training.step import Side, gradients
from isthmus.value import NonSaturating


def _source(seed: int = 0) -> Generated:
    return Generated(torch.Generator().manual_seed(seed))


def _model(*, decoder: bool = True, posterior=None, terms=None) -> Model:
    torch.manual_seed(0)
    networks = {"encoder": MLP((6,)).encoder((3,), 4 if posterior else 2)}
    if decoder:
        networks |= {"decoder": MLP((6,)).decoder(2, (3,), 1), "discriminator": MLP((6,)).encoder((2,), 1)}
    return Model(
        Facts((3,), 2),
        scaling=Scaling.identity((3,)),
        networks=networks,
        posterior=posterior or Deterministic(),
        likelihood=Gaussian() if decoder else None,
        prior=StandardNormal(),
        terms=terms,
    ).double()


def _calls(model: Model) -> dict[str, int]:
    """Count the calls of every network from now on."""
    counts = dict.fromkeys(model.networks, 0)

    def counting(name):
        def count(*_):
            counts[name] += 1

        return count

    for name, network in model.networks.items():
        network.register_forward_pre_hook(counting(name))
    return counts


X = torch.randn(8, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def test_a_batch_maps_and_splits_all_its_tensors():
    batch = Batch(x=X, condition=torch.arange(8.0)[:, None], weight=torch.ones(8), noisy=None)
    assert list(batch) == ["x", "condition", "weight"]
    assert batch.noisy is None
    assert batch.observed is None
    assert batch.rows == 8
    halves = batch.split(3)
    assert [half.rows for half in halves] == [3, 3, 2]
    for name in batch:
        assert torch.equal(torch.cat([half[name] for half in halves]), batch[name])
    assert torch.equal(batch.map(lambda t: t[::2]).condition, batch.condition[::2])


def test_a_model_without_a_decoder_has_passes_too():
    model = _model(decoder=False)
    passed = Pass(model, Batch(X), _source())
    assert passed.z.shape == (8, 2)
    with pytest.raises(CompositionError, match="no likelihood"):
        passed.p  # noqa: B018
    with pytest.raises(CompositionError, match="no network 'judge'; it has encoder"):
        model.through("judge", X)


def test_what_is_asked_for_is_computed_once_and_nothing_else_is():
    model = _model(posterior=DiagonalGaussian())
    counts, passed = _calls(model), Pass(model, Batch(X), _source(), (5,))
    assert counts == {"encoder": 0, "decoder": 0, "discriminator": 0}
    assert passed.z is passed.z
    assert counts == {"encoder": 1, "decoder": 0, "discriminator": 0}
    assert passed.log_weights.shape == passed.log_likelihood.shape == (5, 8)
    assert counts == {"encoder": 1, "decoder": 1, "discriminator": 0}
    found = [passed.once("mine", lambda: torch.zeros(1)) for _ in range(2)]
    assert found[0] is found[1]


def test_what_was_computed_without_a_graph_is_computed_again_where_one_is_wanted():
    model = _model()
    counts, passed = _calls(model), Pass(model, Batch(X), _source())
    with torch.no_grad():
        first = passed.z
    again = passed.z
    assert counts["encoder"] == 2
    assert not first.requires_grad
    assert again.requires_grad
    assert torch.equal(first, again)
    with torch.no_grad():
        assert passed.z is again, "one with a graph serves where none is wanted"


def test_an_adversarial_autoencoder_encodes_a_batch_once_a_step():
    X32 = X.float().numpy().repeat(4, 0)
    aae = AdversarialAutoencoder(2, network=MLP((6,)), batch_size=8, max_epochs=2, random_state=0)
    aae.set_params(training=Training(compile=False))
    (turn,) = turns_of(aae.fit(X32).players())
    assert [player.name for player in turn] == ["autoencoder", "encoder", "discriminator"]
    model = aae.model_
    counts = _calls(model)
    sides = [Side(player.objective, player.parameters(model)) for player in turn]
    gradients(model, sides, Batch(X.float()), _source(), [{}, {}, {}])
    assert counts["encoder"] == counts["decoder"] == 1
    assert counts["discriminator"] == 3, "once for G, once for real and once for fake codes"


def test_players_at_once_get_the_gradients_that_they_would_get_alone():
    model, value = _model(), NonSaturating()
    objectives = [
        (Reconstruction(), ("encoder", "decoder")),
        (Deceive(value, Codes()), ("encoder",)),
        (Discriminate(value, judge=Codes()), ("discriminator",)),
    ]
    sides = [Side(o, Player(str(i), o, moves).parameters(model)) for i, (o, moves) in enumerate(objectives)]
    prior = torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    together = gradients(model, sides, Batch(X), _source(), [{}, {}, {}])
    for side, moved in zip(sides, together, strict=True):
        passed = Pass(model, Batch(X), _source(), z_prior=prior)
        (loss,) = side.objective(model, passed, _source()).values()
        alone = torch.autograd.grad(loss.mean(), side.parameters)
        for a, b in zip(moved.gradients, alone, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)


def test_turns_that_mean_nothing_are_refused():
    a, b = Player("a", Reconstruction()), Player("b", Reconstruction(), every=2)
    with pytest.raises(CompositionError, match="same `every`"):
        turns_of([(a, b)])
    with pytest.raises(CompositionError, match="different names"):
        turns_of([a, a])
    with pytest.raises(CompositionError, match="moves 'judge', which the model does not have; it has encoder"):
        Player("a", Reconstruction(), moves=("judge",)).parameters(_model())
    with pytest.raises(CompositionError, match="moves no weights"):
        Player("a", Reconstruction(), moves=("scaling",)).parameters(_model())


class Scaled(Term, kind="example"):
    """A term with a weight of its own: ‖s ⊙ z‖²."""

    def build(self, facts):
        return _Scaled(facts.latent_dim)


class _Scaled(nn.Module):
    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((latent_dim,), 2.0))

    def forward(self, model, passed, source):
        return (self.scale * passed.z).square().sum(-1)


def test_a_term_with_weights_of_its_own_is_kept_in_the_model_and_moved():
    term = Scaled(0.5)
    model = _model(terms={term.name: term})
    assert isinstance(model.term(term), _Scaled)
    assert "terms.scaled.scale" in model.state_dict()
    objective = Sum((NegativeLogLikelihood(), term))
    passed = Pass(model, Batch(X), _source())
    terms = objective(model, passed, _source())
    torch.testing.assert_close(terms["scaled"], 4 * passed.z.square().sum(-1))
    moved = gradients(
        model, [Side(objective, Player("a", objective).parameters(model))], Batch(X), _source(), [objective.weights(1)]
    )[0]
    names = [name for name, _ in model.named_parameters()]
    slope = moved.gradients[names.index("terms.scaled.scale")]
    torch.testing.assert_close(slope, 0.5 * 2 * 2.0 * passed.z.square().mean(0).detach())


def test_observed_entries_alone_reach_encoder_and_likelihood():
    model = _model()
    observed = torch.rand(8, 3, generator=torch.Generator().manual_seed(0)) < 0.6
    terms = []
    for gap in (0.0, 17.0, float("nan")):
        passed = Pass(model, Batch(torch.where(observed, X, gap), observed=observed), _source())
        terms.append(passed.log_likelihood)
    assert torch.equal(terms[0], terms[1])
    assert torch.equal(terms[0], terms[2])
    assert terms[0].isfinite().all()
    mean = Pass(model, Batch(X, observed=observed), _source()).p.mean
    normal = torch.distributions.Normal(mean, 1.0)
    torch.testing.assert_close(terms[0], torch.where(observed, normal.log_prob(X), 0.0).sum(1))
