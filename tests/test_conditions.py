"""Conditions: p(x|c) is learnt, saved and asked for, with every network that takes one."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from torch import nn

import isthmus
from isthmus import GAN, VAE, AdversarialAutoencoder, Autoencoder
from isthmus.diagnosis import diagnose
from isthmus.errors import CompositionError, DataError
from isthmus.networks import MLP, Conditioned, Conv
from isthmus.prior import ConditionalGaussian


@pytest.fixture(scope="module")
def data():
    """Two classes of flat images whose mean is the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=400)
    X = np.clip(0.2 + 0.6 * labels[:, None, None] + 0.05 * rng.normal(size=(400, 8, 8)), 0, 1).astype(np.float32)
    return X, np.eye(2)[labels]


class Own(nn.Module):
    """A user's own module of x, or z, and c."""

    def __init__(self, inputs, outputs, condition):
        super().__init__()
        self.layer = nn.Linear(inputs + condition, outputs)

    def forward(self, x, c):
        return self.layer(torch.cat([x.flatten(1), c], 1))


OWN = (
    lambda shape, outputs, condition: Own(int(np.prod(shape)), outputs, condition),
    lambda inputs, shape, outputs, condition: Own(inputs, outputs * int(np.prod(shape)), condition),
)

NETWORKS = {"mlp": MLP((32,)), "conv": Conv((8,)), "custom": OWN}


@pytest.mark.parametrize("network", NETWORKS)
def test_a_conditional_vae_draws_what_it_is_asked_for(network, data, tmp_path):
    X, C = data
    vae = VAE(2, network=NETWORKS[network], max_epochs=30, learning_rate=0.02, random_state=0).fit(X, condition=C)
    for one in np.eye(2):
        drawn = vae.sample(50, random_state=0, condition=one)
        assert drawn.shape == (50, 8, 8)
        assert drawn.mean() == pytest.approx(0.2 + 0.6 * one[1], abs=0.1)
    assert vae.score_samples(X, C).mean() > vae.score_samples(X, 1 - C).mean() + 5
    vae.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m", **({"network": OWN} if network == "custom" else {}))
    for name in ("transform", "reconstruct", "score_samples"):
        np.testing.assert_array_equal(getattr(back, name)(X[:9], C[:9]), getattr(vae, name)(X[:9], C[:9]))
    np.testing.assert_array_equal(back.sample(3, 1, condition=C[:3]), vae.sample(3, 1, condition=C[:3]))
    np.testing.assert_array_equal(vae.score_samples(X[:1], C[:1]), vae.score_samples(X[:9], C[:9])[:1])


@pytest.mark.parametrize(
    "system", [Autoencoder(2), GAN(2), AdversarialAutoencoder(2), VAE(2, prior=ConditionalGaussian())], ids=repr
)
def test_every_system_takes_a_condition(system, data, tmp_path):
    X, C = data
    system.set_params(max_epochs=1, random_state=0).fit(X, condition=C)
    system.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m")
    if hasattr(system, "transform"):
        codes = system.transform(X, C)
        assert not np.array_equal(codes, system.transform(X, 1 - C)), "the condition reaches the encoder"
        np.testing.assert_array_equal(back.transform(X, C), codes)
    if hasattr(system, "sample"):
        drawn = system.sample(5, random_state=0, condition=C[0])
        assert not np.array_equal(drawn, system.sample(5, random_state=0, condition=1 - C[0]))
        np.testing.assert_array_equal(back.sample(5, random_state=0, condition=C[0]), drawn)


def test_the_condition_stays_with_its_row(data):
    X, C = data
    vae, order = VAE(2, max_epochs=1, random_state=0).fit(X, condition=C), np.random.default_rng(1).permutation(400)
    np.testing.assert_array_equal(vae.score_samples(X[order], C[order]), vae.score_samples(X, C)[order])


def test_a_condition_that_is_missing_or_of_another_width_is_refused(data):
    X, C = data
    with_one = VAE(2, max_epochs=1, random_state=0).fit(X, condition=C)
    without = VAE(2, max_epochs=1, random_state=0).fit(X)
    for call in (
        lambda: with_one.transform(X),
        lambda: with_one.sample(3),
        lambda: with_one.transform(X, C[:, :1]),
        lambda: with_one.transform(X, C[:5]),
        lambda: with_one.sample(3, condition=C[:2]),
        lambda: without.transform(X, C),
        lambda: VAE(2, max_epochs=1).fit(X, condition=np.full((400, 1), np.nan)),
    ):
        with pytest.raises(DataError, match="condition"):
            call()
    with pytest.raises(CompositionError, match="needs a condition"):
        VAE(2, prior=ConditionalGaussian(), max_epochs=1).fit(X)


@pytest.mark.parametrize("network", [MLP((6,)), MLP(()), Conv((4,), norm="batch")], ids=repr)
def test_a_conditioned_network_sees_its_condition_and_each_row_its_own(network):
    torch.manual_seed(0)
    x, c, z = torch.randn(4, 8, 8), torch.randn(4, 3), torch.randn(4, 2)
    for module, given in ((network.encoder((8, 8), 5, 3), x), (network.decoder(2, (8, 8), 2, 3), z)):
        assert isinstance(module, Conditioned)
        module.eval()
        c_wanted = c.clone().requires_grad_()
        out = module(given, c_wanted)
        (slope,) = torch.autograd.grad(out[1].sum(), c_wanted)
        assert (slope[1] != 0).all()
        assert (slope[[0, 2, 3]] == 0).all()


@pytest.fixture(scope="module")
def people():
    """Heights that depend on the sex and rise with the age, and a model that is told both."""
    rng = np.random.default_rng(0)
    sex, age = rng.choice(["f", "m"], 400), rng.integers(20, 80, 400)
    height = 160.0 + 15 * (sex == "m") + 0.2 * (age - 50) + rng.normal(size=400)
    frame = pd.DataFrame({"height": height, "sex": sex, "weight": height - 100 + rng.normal(size=400), "age": age})
    vae = VAE(1, max_epochs=20, learning_rate=0.02, random_state=0)
    return frame, vae.fit(frame, condition=["sex", "age"])


def test_columns_of_a_table_are_told_by_name(people, tmp_path):
    """They leave the table, come from it with new rows, and a sample's are said by name."""
    frame, vae = people
    assert vae.feature_names_in_.tolist() == ["height", "weight"]
    means = {}
    for sex in "fm":
        drawn = vae.sample(200, 0, condition={"sex": sex, "age": 50})
        assert drawn.columns.tolist() == ["height", "weight"]
        means[sex] = drawn["height"].mean()
    assert means["m"] - means["f"] == pytest.approx(15, abs=2)
    old, young = (vae.sample(200, 0, condition={"sex": "f", "age": age})["height"].mean() for age in (75, 25))
    assert old - young == pytest.approx(10, abs=3)
    apart, beside = frame[["height", "weight"]], frame[["age", "sex"]]
    codes = vae.transform(frame)
    np.testing.assert_array_equal(vae.transform(apart, beside), codes)
    np.testing.assert_array_equal(vae.transform(frame[["age", "height", "weight", "sex"]]), codes)
    np.testing.assert_array_equal(vae.transform(apart, beside[["sex", "age"]].to_numpy()), codes)
    np.testing.assert_array_equal(vae.transform(pl.DataFrame(frame.to_dict("list"))), codes)
    assert vae.reconstruct(frame).columns.tolist() == ["height", "weight"]
    vae.save(tmp_path / "m")
    back = isthmus.load(tmp_path / "m")
    np.testing.assert_array_equal(back.score_samples(frame), vae.score_samples(frame))
    women = vae.under({"sex": "f", "age": 50})
    np.testing.assert_array_equal(women.sample(5, 0), vae.sample(5, 0, condition={"sex": "f", "age": 50}))


def test_a_table_as_condition_is_one_hot_and_standardised(people):
    frame, vae = people
    age = frame["age"].to_numpy(float)
    C = np.column_stack([frame["sex"] == "f", frame["sex"] == "m", (age - age.mean()) / age.std()])
    same = VAE(1, max_epochs=20, learning_rate=0.02, random_state=0).fit(frame[["height", "weight"]], condition=C)
    np.testing.assert_array_equal(same.score_samples(frame[["height", "weight"]], C), vae.score_samples(frame))
    text = VAE(1, max_epochs=1, random_state=0).fit(frame[["height", "weight"]].to_numpy(), condition=frame["sex"])
    assert text.condition_.names == ["sex"]
    X, values = frame[["height", "weight"]].to_numpy(), frame["sex"].to_numpy()
    named = VAE(1, max_epochs=1, random_state=0).fit(X, condition=values)
    np.testing.assert_array_equal(text.transform(X, frame["sex"]), named.transform(X, values))


def test_a_diagnosis_and_a_fit_that_goes_on_take_the_condition_from_the_table(people):
    frame, vae = people
    apart, beside = frame[["height", "weight"]], frame[["sex", "age"]]
    said = diagnose(vae, frame[:60], frame[60:120])
    assert said == diagnose(vae, apart[:60], apart[60:120], condition=beside[:60], condition_train=beside[60:120])
    on = [VAE(1, random_state=0).partial_fit(frame, condition=["sex"]) for _ in range(2)]
    on[0].partial_fit(frame)
    on[1].partial_fit(frame.drop(columns="sex"), condition=frame["sex"])
    np.testing.assert_array_equal(on[0].transform(frame), on[1].transform(frame))


def test_a_condition_that_the_fit_did_not_meet_is_named(people):
    frame, vae = people
    for condition, said in (
        ({"sex": "x", "age": 30}, "column 'sex' holds 'x', which the fit did not meet"),
        ({"sex": "f"}, "the condition 'age' is missing; give 'sex', 'age'"),
        ({"sex": "f", "agee": 3}, "there is no condition 'agee', did you mean 'age'?"),
        ({"sex": None, "age": 3}, "condition 'sex' has no value in row 0"),
        (["f"], "condition must hold 'sex', 'age': it has 1 columns"),
        (None, "this model was fitted with the condition 'sex', 'age'"),
    ):
        with pytest.raises(DataError, match=re.escape(said)):
            vae.sample(3, condition=condition)
    with pytest.raises(DataError, match="condition: there is no column 'sexx', did you mean 'sex'"):
        VAE(1).fit(frame, condition=["sexx"])
    with pytest.raises(DataError, match="the rows are an array without names"):
        VAE(1).fit(np.zeros((9, 2)), condition=["sex"])
    with pytest.raises(DataError, match="condition 'sex' has no value in row 3"):
        VAE(1, max_epochs=1).fit(frame.assign(sex=frame["sex"].where(frame.index != 3)), condition=["sex"])
