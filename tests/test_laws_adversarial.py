"""Laws of adversarial nets: the optimal discriminator, who moves whose weights, values, penalties."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

import isthmus
from isthmus import GAN, AdversarialAutoencoder
from isthmus.batch import Batch
from isthmus.facts import Facts
from isthmus.judge import Codes, Data, Judged
from isthmus.likelihood import Gaussian
from isthmus.model import Model, Pass
from isthmus.networks import MLP
from isthmus.objective import Deceive, Discriminate, weighted_sum
from isthmus.penalty import R1, R2, Interpolated
from isthmus.posterior import Deterministic
from isthmus.prior import StandardNormal
from isthmus.scaling import Scaling
from isthmus.source import Generated
from isthmus.training import Player, Run, Training, train
from isthmus.training.data import Rows
from isthmus.value import Hinge, LeastSquares, Minimax, NonSaturating, Relativistic, Wasserstein


def _source(seed: int = 0) -> Generated:
    return Generated(torch.Generator().manual_seed(seed))


def _terms(objective, model: Model, batch: Batch, source: Generated) -> dict[str, torch.Tensor]:
    return objective(model, Pass(model, batch, source), source)


def _game(seed: int = 0) -> Model:
    torch.manual_seed(seed)
    judge = MLP((32, 32), activation="tanh")
    return Model(
        Facts((1,), 1),
        scaling=Scaling.identity((1,)),
        networks={"decoder": MLP(()).decoder(1, (1,), 1), "discriminator": judge.encoder((1,), 1)},
        likelihood=Gaussian(),
        prior=StandardNormal(),
    ).double()


def _judged(D, real: torch.Tensor, fake: torch.Tensor) -> Judged:
    """What D says of given samples."""
    facts = Facts(tuple(real.shape[1:]), 1)
    model = Model(facts, scaling=Scaling.identity(facts.shape), networks={"discriminator": D})
    return Judged(Data(), model, Pass(model, Batch(real), _source(), x=real, seen=fake))


def _play(model: Model, players, x: torch.Tensor, epochs: int = 1, rate: float = 0.01) -> None:
    run = Run(epochs, rate, Training(), torch.Generator().manual_seed(0))
    train(model, players, Rows(Batch(x), 1000), run)


def test_the_optimal_discriminator_and_the_value_at_it(rng):
    """D* = p_data/(p_data + p_g) and V(D*, G) = 2·JSD − log 4 (Goodfellow et al. 2014, proposition 1, theorem 1)."""
    model = _game()
    with torch.no_grad():  # G(z) = z + 1.5, so p_g = N(1.5, 1), against p_data = N(0, 1)
        model.networks["decoder"][0].weight.fill_(1.0)
        model.networks["decoder"][0].bias.fill_(1.5)
    x = torch.tensor(rng.normal(size=(40_000, 1)))
    _play(model, [Player("discriminator", Discriminate(Minimax()), moves=("discriminator",))], x, epochs=15)
    grid = np.linspace(-2, 3.5, 50)
    with torch.no_grad():
        learned = torch.sigmoid(Data().logits(model, torch.tensor(grid[:, None]))).numpy()
    optimal = norm.pdf(grid) / (norm.pdf(grid) + norm.pdf(grid, 1.5))
    assert np.abs(learned - optimal).max() < 0.04

    def jensen_shannon(t):
        p, q = norm.pdf(t), norm.pdf(t, 1.5)
        m = (p + q) / 2
        return 0.5 * (p * math.log(p / m) + q * math.log(q / m))

    jsd = quad(jensen_shannon, -10, 11)[0]
    with torch.no_grad():
        terms = _terms(Discriminate(Minimax()), model, Batch(x), _source(1))
    assert -float(terms["value"].mean()) == pytest.approx(2 * jsd - math.log(4), abs=0.02)


def _weights(model: Model, part: str) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.networks[part].state_dict())


def _moved(model: Model, part: str, before: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(value, before[name]) for name, value in model.networks[part].state_dict().items())


def test_each_player_moves_its_own_weights_and_no_others(rng):
    x = torch.tensor(rng.normal(size=(2000, 1)))
    for objective, mover, still in (
        (Discriminate(NonSaturating(), (R1(), R2())), "discriminator", "decoder"),
        (Deceive(NonSaturating()), "decoder", "discriminator"),
        (Deceive(Relativistic()), "decoder", "discriminator"),
    ):
        model = _game()
        before = {part: _weights(model, part) for part in (mover, still)}
        _play(model, [Player("player", objective, moves=(mover,))], x)
        assert _moved(model, mover, before[mover])
        assert not _moved(model, still, before[still])
        assert all(p.grad is None for p in model.networks[still].parameters()), "no gradient is even computed"


def test_the_fakes_carry_no_graph_in_ds_step_and_one_through_d_in_gs(rng):
    model, batch, source = _game(), Batch(torch.tensor(rng.normal(size=(50, 1)))), _source()
    d_loss = _terms(Discriminate(Minimax()), model, batch, source)["value"].mean()
    g_loss = _terms(Deceive(Minimax()), model, batch, source)["value"].mean()
    decoder = list(model.networks["decoder"].parameters())
    assert all(g is None for g in torch.autograd.grad(d_loss, decoder, allow_unused=True, retain_graph=True))
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(g_loss, decoder))


REAL, FAKE = torch.tensor([-2.0, 0.3, 1.5]).double(), torch.tensor([0.7, -1.2, 3.0]).double()


def _sigmoid(t: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-t))


r, f = REAL.numpy(), FAKE.numpy()
VALUES = [
    (Minimax(), -np.log(_sigmoid(r)) - np.log(1 - _sigmoid(f)), np.log(1 - _sigmoid(f))),
    (NonSaturating(), -np.log(_sigmoid(r)) - np.log(1 - _sigmoid(f)), -np.log(_sigmoid(f))),
    (LeastSquares(), (r - 1) ** 2 / 2 + f**2 / 2, (f - 1) ** 2 / 2),
    (Hinge(), np.maximum(0, 1 - r) + np.maximum(0, 1 + f), -f),
    (Wasserstein(), f - r, -f),
    (Relativistic(), -np.log(_sigmoid(r - f)), -np.log(_sigmoid(f - r))),
]


@pytest.mark.parametrize(("value", "d", "g"), VALUES, ids=[type(v[0]).__name__ for v in VALUES])
def test_values_are_their_formulas(value, d, g):
    np.testing.assert_allclose(value.discriminator(REAL, FAKE), d, rtol=1e-10)
    np.testing.assert_allclose(value.generator(REAL, FAKE), g, rtol=1e-10)


def test_value_functions_pull_g_the_same_way():
    """Wherever D stands, every G wants D's output on its samples to rise."""
    for value, _, _ in VALUES:
        fake = FAKE.clone().requires_grad_()
        (slope,) = torch.autograd.grad(value.generator(REAL, fake).sum(), fake)
        assert (slope[fake < 1] < 0).all()


@pytest.mark.parametrize("penalty", [R1(), R2(), Interpolated()], ids=lambda p: type(p).__name__)
def test_penalties_are_one_norm_a_sample(penalty, rng):
    """A row's penalty is what it is alone; one norm for the whole batch would not be."""
    torch.manual_seed(0)
    D = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1), torch.nn.Flatten(0)).double()
    real, fake = torch.tensor(rng.normal(size=(6, 3))), torch.tensor(rng.normal(size=(6, 3)))
    whole = penalty(_judged(D, real, fake), _source())
    u = torch.rand(6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)[:, None]
    at = {"R1": real, "R2": fake, "Interpolated": u * real + (1 - u) * fake}[type(penalty).__name__]
    for i in range(6):
        x = at[i : i + 1].clone().requires_grad_()
        norm = torch.autograd.grad(D(x).sum(), x)[0].norm()
        expected = (norm - 1) ** 2 if isinstance(penalty, Interpolated) else norm**2 / 2
        torch.testing.assert_close(whole[i], expected, rtol=1e-6, atol=1e-9)
    assert torch.autograd.grad(whole.sum(), next(D.parameters()))[0].abs().sum() > 0, "D can be trained on it"


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)], ids=str)
def test_penalties_of_a_linear_critic_are_known(shape, rng):
    """D(x) = ⟨w, x⟩ has the slope w everywhere: ½‖w‖² and (‖w‖ − 1)², for images too."""
    w = torch.tensor(rng.normal(size=shape))
    real, fake = torch.tensor(rng.normal(size=(5, *shape))), torch.tensor(rng.normal(size=(5, *shape)))

    class D(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(w)

        def forward(self, x):
            return (x * self.w).flatten(1).sum(1)

    for penalty, value in (
        (R1(), 0.5 * w.square().sum()),
        (R2(), 0.5 * w.square().sum()),
        (Interpolated(), (w.norm() - 1) ** 2),
    ):
        torch.testing.assert_close(penalty(_judged(D(), real, fake), _source()), value.expand(5), rtol=1e-9, atol=1e-9)


def test_penalties_are_weighted_once(rng):
    """Terms carry the bare norm; its weight enters in the loss and nowhere else."""
    model, batch = _game(), Batch(torch.tensor(rng.normal(size=(50, 1))))
    weighted = Discriminate(Minimax(), (R1(3.0), R2(7.0)))
    terms = _terms(weighted, model, batch, _source())
    bare = _terms(Discriminate(Minimax(), (R1(1.0), R2(1.0))), model, batch, _source())
    for name in ("value", "r1", "r2"):
        torch.testing.assert_close(terms[name], bare[name])
    expected = bare["value"] + 3.0 * bare["r1"] + 7.0 * bare["r2"]
    torch.testing.assert_close(weighted_sum(terms, weighted.weights(0.0)), expected)
    assert bare["r1"].shape == (50,)


def test_an_adversary_of_codes_moves_the_encoder_and_nothing_else(rng):
    """The third player: neither decoder nor D; and D's step leaves encoder and decoder where they are."""
    x = torch.tensor(rng.normal(size=(200, 3)))
    for objective, mover in (
        (Deceive(NonSaturating(), judge=Codes()), "encoder"),
        (Discriminate(NonSaturating(), judge=Codes()), "discriminator"),
    ):
        torch.manual_seed(0)
        model = Model(
            Facts((3,), 2),
            scaling=Scaling.identity((3,)),
            networks={
                "encoder": MLP((4,)).encoder((3,), 2),
                "decoder": MLP((4,)).decoder(2, (3,), 1),
                "discriminator": MLP((4,)).encoder((2,), 1),
            },
            likelihood=Gaussian(),
            posterior=Deterministic(),
            prior=StandardNormal(),
        ).double()
        before = {part: _weights(model, part) for part in ("encoder", "decoder", "discriminator")}
        _play(model, [Player("player", objective, moves=(mover,))], x)
        assert [part for part in before if _moved(model, part, before[part])] == [mover]


def test_factories_of_your_own_on_either_side(rng):
    X = rng.normal(size=(60, 3))
    pair = (
        lambda shape, outputs: torch.nn.Sequential(
            torch.nn.Linear(*shape, 5), torch.nn.Tanh(), torch.nn.Linear(5, outputs)
        ),
        lambda inputs, shape, outputs: torch.nn.Linear(inputs, outputs * shape[0]),
    )
    gan = GAN(2, network=pair, discriminator=pair, max_epochs=1, random_state=0).fit(X)
    W, b = (
        t.detach().double().numpy()
        for t in (gan.model_.networks["decoder"].weight, gan.model_.networks["decoder"].bias)
    )
    Z = rng.normal(size=(4, 2))
    units = gan.model_.scaling
    np.testing.assert_allclose(gan.generate(Z), (Z @ W.T + b) * units.scale.numpy() + units.shift.numpy(), rtol=1e-4)
    assert isinstance(gan.model_.networks["discriminator"][1], torch.nn.Tanh)


def test_compositions_come_back_from_a_folder_to_the_bit(digits, tmp_path):
    X = digits[:300]
    wgan = GAN(
        4, value=Wasserstein(), penalties=(Interpolated(10.0),), discriminator_steps=5, max_epochs=2, random_state=0
    ).fit(X)
    aae = AdversarialAutoencoder(2, max_epochs=2, random_state=0).fit(X)
    for name, model in (("wgan", wgan), ("aae", aae)):
        model.save(tmp_path / name)
        back = isthmus.load(tmp_path / name)
        np.testing.assert_array_equal(back.sample(9, random_state=1), model.sample(9, random_state=1))
        for key, value in model.model_.state_dict().items():
            assert torch.equal(back.model_.state_dict()[key], value), key
    assert isthmus.load(tmp_path / "wgan").penalties_ == (Interpolated(10.0),)


def test_wgan_gp_on_digits_comes_closer_to_them(digits):
    """The distance that the critic estimates falls, and samples move towards the data's mean image."""
    arguments = {"value": "wasserstein", "penalties": "interpolated:10", "discriminator_steps": 5, "random_state": 0}
    gan = GAN(8, max_epochs=40, batch_size=64, learning_rate=1e-3, **arguments).fit(digits)
    start = GAN(8, max_epochs=1, batch_size=64, learning_rate=0, **arguments).fit(digits)
    mean = digits.mean(0)
    far, near = (np.square(model.sample(500, random_state=0).mean(0) - mean).mean() for model in (start, gan))
    assert near < 0.2 * far
    distance = -gan.history_["discriminator_value"]
    assert distance[-5:].mean() < 0.7 * distance[:10].max()
    assert gan.history_["discriminator_interpolated"][-5:].mean() < 0.1, "the critic is 1-Lipschitz, nearly"


def test_wgan_gp_is_a_composition_with_five_steps_of_d(rng):
    X = rng.normal(size=(640, 2)) + 3
    gan = GAN(
        2,
        value=Wasserstein(),
        penalties=(Interpolated(10.0),),
        discriminator_steps=5,
        batch_size=64,
        max_epochs=40,
        learning_rate=1e-3,
        random_state=0,
    ).fit(X)
    assert "discriminator_interpolated" in gan.history_.columns
    assert np.abs(gan.sample(500, random_state=0).mean(0) - 3).max() < 0.7
    one = GAN(
        2, value="wasserstein", penalties="interpolated:10", discriminator_steps=10**6, max_epochs=2, random_state=0
    )
    moved = one.fit(X).model_.networks["decoder"].state_dict()
    assert all(torch.isfinite(v).all() for v in moved.values())


def test_a_gan_learns_a_gaussian(rng):
    X = rng.normal(size=(4000, 2)) @ np.array([[2.0, 0.0], [1.0, 0.5]]) + 5
    gan = GAN(2, batch_size=200, max_epochs=40, random_state=0).fit(X)
    S = gan.sample(4000, random_state=0)
    assert np.abs(S.mean(0) - X.mean(0)).max() < 0.35
    whitened = np.linalg.solve(np.linalg.cholesky(np.cov(X.T)), (S - S.mean(0)).T)
    spread = np.linalg.eigvalsh(np.cov(whitened))  # the samples' variance over the data's, in every direction
    assert 0.5 < spread[0] <= spread[1] < 1.6, spread


def test_an_adversarial_autoencoder_shapes_its_codes(digits):
    """Three players: with the adversary the codes come to N(0, I); reconstruction still improves."""
    aae = AdversarialAutoencoder(2, batch_size=64, max_epochs=40, random_state=0).fit(digits)
    codes = aae.transform(digits)
    assert np.abs(codes.mean(0)).max() < 0.35
    assert 0.6 < codes.std(0).min() <= codes.std(0).max() < 1.5
    history = aae.history_
    assert history["autoencoder_reconstruction"][-1] < history["autoencoder_reconstruction"][0] - 3
    assert {"discriminator_value", "encoder_value"} <= set(history.columns)
