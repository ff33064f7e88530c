"""Laws of autoencoders: PCA, contraction, the Wiener filter and the score, tied weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.decomposition import PCA
from torch import nn

from isthmus import VAE, Autoencoder, ContractiveAutoencoder, DenoisingAutoencoder, Training
from isthmus.batch import Batch
from isthmus.corruption import Gaussian
from isthmus.errors import CompositionError
from isthmus.facts import Facts
from isthmus.model import Model, Pass
from isthmus.networks import MLP, Conv, Tied
from isthmus.penalty import Contractive, exact, hutchinson
from isthmus.posterior import Deterministic, DiagonalGaussian
from isthmus.scaling import Scaling
from isthmus.source import Generated

EXACT = {"precision": "float64", "scaling": "none", "random_state": 0}


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_a_linear_autoencoder_is_pca(tied, rng):
    """Baldi & Hornik 1989: the error of PCA, within 1 %, and its subspace."""
    X = (
        rng.normal(size=(600, 8))
        * np.array([3, 2.5, 2, 1, 0.5, 0.4, 0.3, 0.2])
        @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    )
    X -= X.mean(0)
    pca = PCA(3).fit(X)
    pca_error = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    ae = Autoencoder(
        3, tied=tied, network=MLP(()), likelihood="gaussian", max_epochs=300, batch_size=60, learning_rate=0.02, **EXACT
    ).fit(X)
    error = np.mean((X - ae.reconstruct(X)) ** 2)
    assert pca_error <= error <= 1.01 * pca_error
    basis = ae.inverse_transform(np.eye(3)) - ae.inverse_transform(np.zeros((3, 3)))
    assert np.rad2deg(subspace_angles(basis.T, pca.components_.T)).max() < 3


def _source(seed: int = 0) -> Generated:
    return Generated(torch.Generator().manual_seed(seed))


def _encoding(encoder: nn.Module, shape: tuple[int, ...], posterior=None, latent_dim: int = 4) -> Model:
    """A model that encodes, and does nothing else."""
    posterior = posterior or Deterministic()
    networks = {"encoder": encoder}
    return Model(Facts(shape, latent_dim), scaling=Scaling.identity(shape), networks=networks, posterior=posterior)


def _contraction(model: Model, x: torch.Tensor, **arguments) -> torch.Tensor:
    """Ω of a batch, as a fit computes it."""
    penalty = Contractive(**arguments)
    penalty.refuse(model)
    source = _source()
    return penalty(model, Pass(model, Batch(x), source), source)


def _finite_differences(encode, x: torch.Tensor, step: float = 1e-5) -> torch.Tensor:
    """‖∂h/∂x‖²_F of one sample at a time by central differences."""
    norms = []
    for row in x:
        total = 0.0
        for i in range(row.numel()):
            e = torch.zeros_like(row).flatten()
            e[i] = step
            e = e.reshape(row.shape)
            slope = (encode((row + e)[None]) - encode((row - e)[None])) / (2 * step)
            total += float(slope.square().sum())
        norms.append(total)
    return torch.tensor(norms, dtype=x.dtype)


ENCODERS = {
    "sigmoid": (MLP((), code_activation="sigmoid"), (6,), True),
    "tanh": (MLP((), code_activation="tanh"), (6,), True),
    "softplus": (MLP((), code_activation="softplus"), (6,), True),
    "linear": (MLP(()), (6,), True),
    "deep": (MLP((7, 5), activation="tanh"), (6,), False),
    "conv": (Conv((3,), activation="softplus"), (5, 6), False),
    "conv, series": (Conv((3,), activation="softplus"), (7, 2), False),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_contraction_closed_form_is_the_exact_jacobian_is_finite_differences(case):
    network, shape, closed = ENCODERS[case]
    torch.manual_seed(0)
    encoder = network.encoder(shape, 4).double()
    x = torch.randn(5, *shape, dtype=torch.float64)

    def norm(method):
        return _contraction(_encoding(encoder, shape), x, method=method).detach()

    with torch.no_grad():
        measured = _finite_differences(encoder, x)
    torch.testing.assert_close(norm("exact"), measured, rtol=1e-6, atol=1e-8)
    if closed:
        torch.testing.assert_close(norm("closed"), norm("exact"), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(norm("auto"), norm("closed"))
    else:
        with pytest.raises(CompositionError, match="closed form is for a one-layer encoder"):
            norm("closed")


def test_the_closed_form_is_taken_only_where_it_holds():
    """A sharper softplus, and a posterior whose mean is half of the outputs, have the exact norm nevertheless."""
    torch.manual_seed(0)
    x = torch.randn(5, 6, dtype=torch.float64)
    sharp = nn.Sequential(nn.Linear(6, 4), nn.Softplus(beta=3)).double()
    with torch.no_grad():
        measured = _finite_differences(sharp, x)
    torch.testing.assert_close(_contraction(_encoding(sharp, (6,)), x), measured, rtol=1e-6, atol=1e-8)
    with pytest.raises(CompositionError, match="closed form is for a one-layer encoder"):
        _contraction(_encoding(sharp, (6,)), x, method="closed")
    linear = MLP(()).encoder((6,), 4).double()
    half = linear[1].weight[:2].square().sum().detach()
    for method in ("auto", "closed", "exact"):
        model = _encoding(linear, (6,), DiagonalGaussian(), 2)
        torch.testing.assert_close(_contraction(model, x, method=method).detach(), half.expand(5))


def test_batch_normalisation_has_no_jacobian_a_sample():
    encoder = MLP((5,), norm="batch").encoder((6,), 4)
    for method in ("auto", "exact", "estimate"):
        with pytest.raises(CompositionError, match="batch normalisation mixes samples"):
            Contractive(method=method).refuse(_encoding(encoder, (6,)))
    Contractive().refuse(_encoding(MLP((5,), norm="layer").encoder((6,), 4), (6,)))


def test_contraction_contracts_and_is_reported_in_the_models_units(digits):
    """A larger λ leaves a less sensitive code; the reported norm is the one that was penalised."""
    X = digits.reshape(len(digits), -1)
    norms = []
    for weight in (0.0, 2.0, 20.0):
        arguments = {"network": MLP((), code_activation="sigmoid"), "max_epochs": 10, "random_state": 0}
        cae = ContractiveAutoencoder(20, likelihood="bernoulli", penalty=weight, **arguments).fit(X)
        norms.append(cae.jacobian_norm(X).mean())
    assert norms[0] > 1.5 * norms[1] > 1.5 * 1.5 * norms[2], norms
    still = cae.set_params(learning_rate=0, max_epochs=1, precision="float64").fit(X)
    assert still.history_["contraction"][0] == pytest.approx(np.mean(still.jacobian_norm(X) ** 2), rel=1e-6)
    vae = VAE(2, likelihood="bernoulli", network=MLP(()), max_epochs=1, random_state=0).fit(X)
    rows = vae.model_.networks["encoder"][1].weight[:2].detach()
    np.testing.assert_allclose(vae.jacobian_norm(X[:3]), float(rows.norm()), rtol=1e-5)


def test_a_penalty_may_be_a_number_a_part_or_a_name(rng):
    X = rng.normal(size=(20, 5))
    for given in (0.3, Contractive(0.3), "contractive:0.3"):
        assert ContractiveAutoencoder(2, penalty=given, max_epochs=1).fit(X).penalty_ == Contractive(0.3)
    for wrong in (None, "r1:0.3", [0.3]):
        with pytest.raises(ValueError, match=r"penalty must be|unknown penalty 'r1'"):
            ContractiveAutoencoder(2, penalty=wrong, max_epochs=1).fit(X)


def test_the_closed_form_has_the_exact_forms_gradient():
    torch.manual_seed(0)
    encoder = MLP((), code_activation="sigmoid").encoder((6,), 4).double()
    x = torch.randn(5, 6, dtype=torch.float64)
    gradients = []
    for method in ("closed", "exact"):
        omega = _contraction(_encoding(encoder, (6,)), x, method=method)
        gradients.append(torch.autograd.grad(omega.mean(), list(encoder.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_the_estimates_mean_is_the_norm():
    torch.manual_seed(0)
    encoder = MLP((7,), activation="tanh").encoder((6,), 4).double()
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    h = encoder(x)
    truth = exact(h, x).detach()
    source = _source(1)
    draws = torch.stack([hutchinson(h, x, 1, source).detach() for _ in range(4000)])
    error = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - truth).abs() < 4 * error).all()
    assert (error < 0.05 * truth).all()


def test_a_denoising_autoencoder_is_the_wiener_filter_and_knows_the_score():
    """Gaussian data, Gaussian noise: E[x|x̃] is linear, and (x̂ − x̃)/σ² is ∇ log p(x̃) (Vincent 2011)."""
    rng = np.random.default_rng(0)
    n, sigma = 6, 0.7
    axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
    covariance = axes @ np.diag([4.0, 2.0, 1.0, 0.5, 0.25, 0.1]) @ axes.T
    X = rng.multivariate_normal(np.zeros(n), covariance, size=20_000)
    dae = DenoisingAutoencoder(
        n,
        network=MLP(()),
        likelihood="gaussian",
        corruption=Gaussian(sigma),
        max_epochs=15,
        batch_size=100,
        learning_rate=0.01,
        **EXACT,
    ).fit(X)
    clean = rng.multivariate_normal(np.zeros(n), covariance, size=20_000)
    noisy = clean + sigma * rng.normal(size=clean.shape)
    filtered = dae.reconstruct(noisy)
    inverse = np.linalg.inv(covariance + sigma**2 * np.eye(n))
    wiener_error = np.mean((noisy @ (covariance @ inverse).T - clean) ** 2)
    assert np.mean((filtered - clean) ** 2) == pytest.approx(wiener_error, rel=0.02)
    score, learned = -noisy @ inverse, (filtered - noisy) / sigma**2
    cosine = (score * learned).sum(1) / np.linalg.norm(score, axis=1) / np.linalg.norm(learned, axis=1)
    assert np.median(cosine) > 0.995
    assert np.mean((score - learned) ** 2) < 0.02 * np.mean(score**2)


def test_corruption_is_never_the_target_and_never_outside_training(digits):
    dae = DenoisingAutoencoder(4, corruption="masking:0.9", max_epochs=1, random_state=0).fit(digits)
    x = torch.tensor(digits[:20])
    passed = Pass(dae.model_, Batch(x), _source())
    torch.testing.assert_close(passed.x, dae.model_.scaled(x))
    assert (passed.x_tilde != passed.x).float().mean() > 0.3
    np.testing.assert_array_equal(dae.transform(digits[:20]), dae.transform(digits[:20]))
    pairs = Pass(dae.model_, Batch(x, noisy=torch.zeros_like(x)), _source())
    torch.testing.assert_close(pairs.x_tilde, dae.model_.scaled(torch.zeros_like(x)))


@pytest.mark.parametrize(
    "model",
    [
        Autoencoder(2),
        Autoencoder(2, tied=True, likelihood="gaussian"),
        VAE(2, network=Conv((4,))),
        ContractiveAutoencoder(2),
        DenoisingAutoencoder(2, corruption="masking:0.5"),
        DenoisingAutoencoder(2, corruption="saltandpepper:0.25"),
    ],
    ids=repr,
)
def test_what_an_encoder_looks_at_has_mean_zero(model, digits):
    model = clone(model).set_params(max_epochs=1, random_state=0).fit(digits)
    seen = []
    model.model_.networks["encoder"].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        assert Pass(model.model_, Batch(torch.tensor(np.repeat(digits, 20, 0))), _source()).q is not None
    varies = digits.std(0) >= 0.3 * digits.std(0).max()
    assert 40 < varies.sum() < 60
    near = 0.01 / float(model.model_.scaling.scale.max())  # in the units of grey values
    torch.testing.assert_close(seen[0].mean(0)[varies], torch.zeros(int(varies.sum())), atol=near, rtol=0)
    assert (model.model_.scaling.centre[~varies] == 0).all()
    raw = clone(model).set_params(max_epochs=1, scaling="none").fit(digits)
    assert raw.model_.scaling.centre is None, "none is none"


def test_of_real_pairs_an_encoder_meets_the_noisy_ones(digits):
    noisy = np.clip(digits * 0.5 + 0.3, 0, 1)
    dae = DenoisingAutoencoder(2, max_epochs=1, random_state=0).fit(noisy, digits)
    mean = dae.model_.scaling(torch.tensor(noisy.mean(0, dtype=np.float64)), torch.float64)
    expected = np.where(digits.std(0) >= 0.3 * digits.std(0).max(), mean, 0.0)
    np.testing.assert_allclose(dae.model_.scaling.centre, expected, atol=1e-6)


@pytest.mark.parametrize("model", [VAE(2, likelihood="bernoulli"), Autoencoder(2, likelihood="bernoulli")], ids=repr)
def test_a_feature_of_a_single_row_does_not_send_others_far_off(model, rng):
    X = rng.random((2000, 6)).astype(np.float32)
    X[1:, 5] = 0.0
    model = clone(model).set_params(network=MLP((64,)), batch_size=20, max_epochs=5, random_state=0).fit(X)
    after = model.model_.networks["encoder"][1].weight[:, 5].detach()
    still = (
        clone(model)
        .set_params(max_epochs=1, learning_rate=0.0)
        .fit(X)
        .model_.networks["encoder"][1]
        .weight[:, 5]
        .detach()
    )
    assert (after - still).abs().max() < 0.1


@pytest.mark.parametrize(
    ("network", "shape"),
    [(MLP((7, 5)), (3, 4)), (Conv((3, 4)), (9, 14)), (Conv((3,)), (2, 5, 7)), (Conv((3,)), (2, 19))],
    ids=["mlp", "grey", "colour", "series"],
)
def test_tied_weights_are_one_tensor_and_transposes(network, shape):
    torch.manual_seed(0)
    encoder = network.encoder(shape, 3)
    decoder = Tied(encoder, shape)
    shared = {p.data_ptr() for p in encoder.parameters()}
    assert all(p.data_ptr() not in shared for p in decoder.parameters())
    biases = sum(p.numel() for p in decoder.parameters())
    weights = [m for m in encoder.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]
    widths = [m.in_features if isinstance(m, nn.Linear) else m.in_channels for m in weights]
    assert biases == sum(widths)
    h = torch.randn(4, 3)
    out = decoder(h)
    assert out.reshape(4, -1).shape[1] == np.prod(shape)
    first = weights[0].weight
    (gradient,) = torch.autograd.grad(out.sum(), first)
    assert gradient.abs().sum() > 0, "the decoder uses the encoder's own weight"


@pytest.mark.parametrize("shape", [(8, 8), (9, 14), (3, 7, 6), (13,), (2, 19), (19, 2), (9, 12, 3), (5, 6, 7)])
def test_a_tied_convolution_is_the_exact_adjoint(shape):
    """⟨Wx, y⟩ = ⟨x, Wᵀy⟩ for the linear part, with odd sizes too."""
    torch.manual_seed(0)
    encoder = Conv((3, 4), activation="identity").encoder(shape, 5).double()
    decoder = Tied(encoder, shape).double()
    for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
        if "bias" in name:
            nn.init.zeros_(parameter)
    x, y = torch.randn(1, *shape, dtype=torch.float64), torch.randn(1, 5, dtype=torch.float64)
    left, right = (encoder(x) * y).sum(), (x.flatten() * decoder(y).flatten()).sum()
    torch.testing.assert_close(left, right)


def test_a_tied_fit_moves_one_weight_with_both_gradients(rng):
    X = rng.normal(size=(50, 6))
    ae = Autoencoder(2, tied=True, network=MLP(()), max_epochs=1, **EXACT).fit(X)
    names = [name for name, _ in ae.model_.named_parameters()]
    assert sum("weight" in name for name in names) == 1
    weight = ae.model_.networks["encoder"][1].weight
    x = torch.tensor(X)
    h = ae.model_.encode(x).mean
    joint = torch.autograd.grad((ae.model_.decode(h).mean - x).square().sum(), weight)[0]
    W_x, W_h = (w.detach().clone().requires_grad_() for w in (weight, weight.T))
    b_x, b_h = ae.model_.networks["encoder"][1].bias.detach(), ae.model_.networks["decoder"].biases[0].detach()
    untied = ((x @ W_x.T + b_x) @ W_h.T + b_h - x).square().sum()
    through_f, through_g = torch.autograd.grad(untied, (W_x, W_h))
    torch.testing.assert_close(joint, through_f + through_g.T)
    assert through_f.abs().max() > 1e-3
    assert through_g.abs().max() > 1e-3


def test_a_users_own_networks_and_corruption(rng):
    X = rng.normal(size=(60, 6))
    made = []

    def make_encoder(shape, outputs):
        made.append(nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, outputs)))
        return made[-1]

    ae = DenoisingAutoencoder(
        2,
        network=(make_encoder, lambda inputs, shape, outputs: nn.Linear(inputs, 6 * outputs)),
        corruption=lambda x, source: x + 0.1 * source.normal(x.shape, x),
        max_epochs=2,
        random_state=0,
    )
    assert ae.fit(X).reconstruct(X).shape == X.shape
    ae.fit(X)
    assert made[0] is not made[1], "every fit starts from new weights"


def test_a_smaller_step_budget_with_momentum_fits_too(rng):
    """Another optimiser is another part."""
    from isthmus.training import SGD

    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    ae = Autoencoder(
        2,
        network=MLP(()),
        likelihood="gaussian",
        training=Training(optimizer=SGD()),
        max_epochs=50,
        learning_rate=0.05,
        random_state=0,
    )
    assert ae.fit(X).history_["loss"][-1] < ae.history_["loss"][0]
    assert np.mean((ae.reconstruct(X) - X) ** 2) < 0.05 * X.var()


def test_relative_noise_counts_in_each_columns_own_standard_deviations(rng, tmp_path):
    """Columns of different units get noise of one size in their own, and the noise survives a file."""
    X = rng.normal(size=(4000, 3)) * [1e-3, 1.0, 1e4]
    dae = DenoisingAutoencoder(2, max_epochs=1, random_state=0).fit(X)
    assert dae.corruption_ == Gaussian(0.3, relative=True), "what auto picks for rows"
    np.testing.assert_allclose((dae.corrupt(X) - X).std(0) / X.std(0), 0.3, rtol=0.05)
    np.testing.assert_array_equal(dae.corrupt(X, random_state=5), dae.corrupt(X, random_state=5))
    assert not np.array_equal(dae.corrupt(X, random_state=5), dae.corrupt(X, random_state=6))
    dae.save(tmp_path / "m")
    np.testing.assert_array_equal(DenoisingAutoencoder.load(tmp_path / "m").corrupt(X), dae.corrupt(X))
    with pytest.raises(CompositionError, match="relative noise needs the data's spread"):
        Gaussian(0.3, relative=True)(torch.zeros(1, 3), _source())
