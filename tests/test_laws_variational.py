"""Laws of variational autoencoders: divergences, the evidence of probabilistic PCA, bounds."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal, Normal

import isthmus
from isthmus import VAE, Autoencoder
from isthmus.batch import Batch
from isthmus.distributions import draw, event, normal
from isthmus.divergence import KL
from isthmus.errors import CompositionError
from isthmus.facts import Facts
from isthmus.likelihood import HomoscedasticGaussian
from isthmus.model import Model, Pass
from isthmus.networks import MLP
from isthmus.objective import ELBO, ImportanceWeighted
from isthmus.posterior import Deterministic, DiagonalGaussian
from isthmus.prior import StandardNormal, VampPrior
from isthmus.scaling import Scaling
from isthmus.source import Generated
from isthmus.training import Training


def _source(seed: int = 0) -> Generated:
    return Generated(torch.Generator().manual_seed(seed))


def _terms(objective, model: Model, batch: Batch, source: Generated) -> dict[str, torch.Tensor]:
    return objective(model, Pass(model, batch, source, objective.sample_shape), source)


def _of(q, p, z=None) -> Pass:
    """A pass whose posterior, prior and code are given: all that a divergence looks at."""
    model = Model(Facts((1,), q.event_shape[0]), scaling=Scaling.identity((1,)), networks={})
    return Pass(model, Batch(torch.zeros(q.batch_shape[0], 1)), _source(), q=q, p_z=p, z=q.mean if z is None else z)


def _kl(q, p, z=None) -> torch.Tensor:
    passed = _of(q, p, z)
    return KL()(passed.model, passed, passed.source)


def _gaussians(rng, n=4, d=3):
    mean, std = torch.tensor(rng.normal(size=(n, d))), torch.tensor(rng.uniform(0.3, 2, size=(n, d)))
    return event(normal(mean, std), 1), mean, std


def test_kl_in_closed_form_is_the_papers_formula_is_monte_carlo(rng):
    q, mean, std = _gaussians(rng)
    p = StandardNormal().build(Facts((5,), 3)).double()(None)
    closed = _kl(q, p)
    paper = -0.5 * (1 + std.log() * 2 - mean**2 - std**2).sum(1)  # Kingma & Welling 2014, appendix B
    torch.testing.assert_close(closed, paper)
    z = draw(q, _source(), (100_000,))
    log_ratio = q.log_prob(z) - p.log_prob(z)
    error = log_ratio.std(0) / len(z) ** 0.5
    assert ((log_ratio.mean(0) - closed).abs() < 4 * error).all()


def test_the_vamp_priors_divergence_is_monte_carlo_of_a_brute_force_mixture(rng):
    """Where no closed form is known, KL takes log q(z|x) − log p(z) at the drawn z."""
    torch.manual_seed(0)
    posterior = DiagonalGaussian().build(Facts((5,), 3))
    encoder = MLP((8,)).encoder((5,), 6).double()

    def encode(x):
        return posterior(encoder(x))

    prior = VampPrior(6).build(Facts((5,), 3, centre=torch.zeros(5), encode=encode)).double()
    p = prior(None)
    z = torch.tensor(rng.normal(size=(7, 3)))
    components = encode(prior.pseudo_inputs).base_dist
    brute = torch.stack(
        [Normal(m, s).log_prob(z).sum(-1) for m, s in zip(components.loc, components.scale, strict=True)]
    )
    torch.testing.assert_close(p.log_prob(z), brute.logsumexp(0) - math.log(6))
    q = encode(torch.tensor(rng.normal(size=(7, 5))))
    torch.testing.assert_close(_kl(q, p, z), q.log_prob(z) - p.log_prob(z))
    many = draw(q, _source(0), (4000,))
    spread = (q.log_prob(many) - p.log_prob(many)).std(0) / 4000**0.5
    again = draw(q, _source(1), (4000,))
    assert ((_kl(q, p, many) - _kl(q, p, again)).abs() < 6 * spread).all()


def test_warm_up_is_a_fraction_of_the_fit():
    kl = KL(weight=2.0, warmup=0.5)
    assert [kl.weight_at(t) for t in (0.0, 0.25, 0.5, 1.0)] == [0.0, 1.0, 2.0, 2.0]
    with pytest.raises(CompositionError, match="fraction of the fit"):
        KL(warmup=10)


@pytest.fixture(scope="module")
def ppca():
    """Data of a linear-Gaussian model and its exact maximum-likelihood evidence (Tipping & Bishop 1999)."""
    rng = np.random.default_rng(0)
    n, d = 6, 2
    W = rng.normal(size=(n, d)) * 1.5
    X = rng.normal(size=(3000, d)) @ W.T + 0.5 * rng.normal(size=(3000, n)) + rng.normal(size=n)
    pca = PCA(d).fit(X)
    return X, pca.score_samples(X) if pca.noise_variance_ else None


@pytest.fixture(scope="module")
def linear_vae(ppca):
    X, _ = ppca
    return VAE(
        2,
        network=MLP(()),
        likelihood=HomoscedasticGaussian(shared=True),
        max_epochs=100,
        batch_size=100,
        learning_rate=0.02,
        precision="float64",
        scaling="none",
        random_state=0,
    ).fit(X)


def _evidence(model: Model, X: np.ndarray) -> torch.Tensor:
    """The exact log p(x) of a linear decoder: N(b, WWᵀ + σ²I)."""
    layer = model.networks["decoder"][0]
    W, b, sigma = layer.weight.detach(), layer.bias.detach(), model.likelihood.log_std.detach().exp()
    covariance = W @ W.T + sigma**2 * torch.eye(len(W), dtype=W.dtype)
    return MultivariateNormal(b, covariance).log_prob(torch.tensor(X))


def test_the_elbo_never_exceeds_the_evidence_and_comes_within_a_twentieth_of_a_nat(ppca, linear_vae):
    X, evidence = ppca
    source = _source()
    bounds = []
    for _ in range(20):
        with torch.no_grad():
            passed = Pass(linear_vae.model_, Batch(torch.tensor(X)), source, (50,))
            bound = passed.log_likelihood.mean(0) - KL()(linear_vae.model_, passed, source)
        bounds.append(bound)
    elbo, error = torch.stack(bounds).mean(0), torch.stack(bounds).std(0) / 20**0.5
    assert (elbo <= _evidence(linear_vae.model_, X) + 6 * error).all(), "a bound is a bound, each of 3,000 rows"
    assert elbo.mean() <= evidence.mean() + 4 * error.mean()
    assert elbo.mean() >= evidence.mean() - 0.05


def test_the_importance_weighted_bound_rises_towards_the_evidence(ppca, linear_vae):
    """With the posterior moved by one standard deviation, so that there is something to rise to."""
    X = ppca[0][:400]
    model = linear_vae.model_
    before = model.networks["encoder"][1].bias.detach().clone()
    with torch.no_grad():
        model.networks["encoder"][1].bias[:2] += model.encode(torch.tensor(X[:1])).base_dist.scale[0]
    evidence = float(_evidence(model, X).mean())
    bounds = [float(linear_vae.score_samples(X, n_draws=k).mean()) for k in (1, 5, 50, 500, 5000)]
    loss = _terms(ImportanceWeighted(50), model, Batch(torch.tensor(X)), _source(3))["bound"].mean()
    with torch.no_grad():
        model.networks["encoder"][1].bias.copy_(before)
    assert all(a < b for a, b in pairwise(bounds)), bounds
    assert bounds[0] < evidence - 0.3
    assert evidence - 0.05 < bounds[-1] < evidence + 0.02
    assert loss.item() == pytest.approx(-bounds[2], abs=0.15)


def test_one_draw_of_the_importance_weighted_bound_is_the_elbo_on_average(linear_vae, ppca):
    batch = Batch(torch.tensor(ppca[0][:200]))
    source, model = _source(), linear_vae.model_
    with torch.no_grad():
        iw = torch.stack([_terms(ImportanceWeighted(1), model, batch, source)["bound"] for _ in range(300)])
        elbo = torch.stack([sum(_terms(ELBO(), model, batch, source).values()) for _ in range(300)])
    assert float(iw.mean()) == pytest.approx(float(elbo.mean()), abs=0.03)


def test_what_is_logged_is_what_was_optimised(ppca):
    vae = VAE(2, objective=ELBO(KL(3.0, warmup=0.5)), max_epochs=4, random_state=0).fit(ppca[0][:300])
    history = vae.history_
    late = slice(2, None)
    np.testing.assert_allclose(
        history["loss"][late], history["reconstruction"][late] + 3.0 * history["divergence"][late], rtol=1e-4
    )
    assert history["loss"][0] < history["reconstruction"][0] + 3.0 * history["divergence"][0]


def test_a_deterministic_code_has_no_divergence():
    facts = Facts((5,), 2)
    model = Model(
        facts,
        scaling=Scaling.identity((5,)),
        networks={"encoder": MLP(()).encoder((5,), 2), "decoder": MLP(()).decoder(2, (5,), 1)},
        likelihood=HomoscedasticGaussian(),
        posterior=Deterministic(),
        prior=StandardNormal(),
    )
    for objective, reason in (
        (ELBO(), "with a posterior without a density there is no divergence to measure"),
        (ImportanceWeighted(), "weights draws by a posterior's density, and this one has none"),
    ):
        with pytest.raises(CompositionError, match=f"{reason}.*use DiagonalGaussian"):
            objective.refuse(model)


def test_compositions_importance_weighted_and_vamp(digits):
    """Two papers, no new loop: each lowers its own loss."""
    for arguments in ({"objective": ImportanceWeighted(5)}, {"prior": VampPrior(20)}):
        vae = VAE(4, max_epochs=6, random_state=0, **arguments).fit(digits)
        assert vae.history_["loss"][-1] < vae.history_["loss"][0] - 2
    assert vae.model_.prior.pseudo_inputs.shape == (20, 8, 8)
    assert vae.sample(10, random_state=0).shape == (10, 8, 8)
    alike = {"likelihood": "bernoulli", "max_epochs": 10, "random_state": 0}
    better = VAE(4, objective=ImportanceWeighted(20), **alike).fit(digits).score(digits)
    ordinary = Autoencoder(4, **alike).fit(digits)
    assert better < ordinary.score(digits), "log p(x) pays for its code, log p(x|x̂) does not"


PAPERS = {
    "iwae": {"objective": ImportanceWeighted(5)},
    "vamp": {"prior": VampPrior(20)},
    "both": {"objective": ImportanceWeighted(5), "prior": VampPrior(20)},
    "beta": {"objective": ELBO(KL(4.0, warmup=0.5), draws=2)},
}


@pytest.mark.parametrize("paper", PAPERS)
def test_a_composition_comes_back_from_a_folder_to_the_bit(paper, digits, tmp_path):
    X = digits[:300]
    vae = VAE(4, max_epochs=2, random_state=0, **PAPERS[paper]).fit(X)
    vae.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m")
    assert back.objective_ == vae.objective_
    assert back.prior_ == vae.prior_
    np.testing.assert_array_equal(back.transform(X), vae.transform(X))
    np.testing.assert_array_equal(back.score_samples(X, n_draws=7), vae.score_samples(X, n_draws=7))
    np.testing.assert_array_equal(back.sample(9, random_state=1), vae.sample(9, random_state=1))


def test_a_vamp_priors_codes_are_draws_from_its_mixture(digits):
    """Samples of p(z) have the mixture's mean and variance: 𝔼 and Var over components and within them."""
    vae = VAE(2, prior=VampPrior(10), max_epochs=3, precision="float64", random_state=0).fit(digits[:300])
    with torch.no_grad():
        z = vae.model_.prior_codes(40_000, _source())
        q = vae.model_.encode(vae.model_.prior.pseudo_inputs)
    mean = q.mean.mean(0)
    variance = q.variance.mean(0) + q.mean.var(0, correction=0)
    torch.testing.assert_close(z.mean(0), mean, atol=5 * float(variance.max() / 40_000) ** 0.5, rtol=0)
    torch.testing.assert_close(z.var(0), variance, rtol=0.05, atol=0)


def test_the_bound_of_a_batch_is_the_bound_of_its_rows(linear_vae, ppca):
    """Terms are one value a sample: with the draws fixed, a row's term does not see the others."""
    model, x = linear_vae.model_, torch.tensor(ppca[0][:6])
    with torch.no_grad():
        z = draw(model.encode(x), _source(), (9,))
        whole = Pass(model, Batch(x), _source(), (9,), z=z).log_weights
        assert whole.shape == (9, 6)
        for i in range(6):
            one = slice(i, i + 1)
            alone = Pass(model, Batch(x[one]), _source(), (9,), z=z[:, one]).log_weights
            torch.testing.assert_close(whole[:, one], alone)


def test_early_stopping_keeps_the_best(rng):
    X = rng.normal(size=(60, 6))
    vae = VAE(
        5,
        network=MLP((64, 64)),
        max_epochs=300,
        learning_rate=0.02,
        validation_fraction=0.3,
        training=Training(patience=5, decay="constant"),
        random_state=0,
    ).fit(X)
    losses = vae.history_["validation_loss"]
    assert len(losses) < 300
    assert losses.argmin() == len(losses) - 6
