"""Recipes: each one's composition trains on digits, improves on its start, and is the same after it was saved."""

from __future__ import annotations

import re
from functools import cache
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import isthmus
from command import run
from isthmus import VAE, Training, recipes
from isthmus.errors import CompositionError, DataError, UnknownNameError
from isthmus.networks import MLP
from isthmus.objective import ImportanceWeighted

RECIPES = sorted(recipes.known())
each_recipe = pytest.mark.parametrize("name", RECIPES)

OF_CLASSES = ("conditional_gan", "conditional_vae")
"""Recipes that are fitted to rows with their classes."""

SMALL = {
    "two_layers": {},
    "stacked_denoising": {"hidden": (24,), "layer_epochs": 2, "latent_dim": 8},
    "two_stage_vae": {"second_epochs": 3},
    "k_sparse": {"latent_dim": 32},
    "l1_sparse": {"latent_dim": 32},
    "kl_sparse": {"latent_dim": 32},
    "contractive": {"latent_dim": 16},
    "higher_order_contractive": {"latent_dim": 16},
    "spectral_norm_gan": {},
}
"""What makes a recipe small enough for a test, beside a small network."""

WATCHED = {"capacity_vae": "validation_reconstruction"}
"""What improves where the loss does not: its target moves as the fit goes on."""


def digits() -> tuple[np.ndarray, np.ndarray]:
    bunch = load_digits()
    return (bunch.data[:300] / 16).astype(np.float32), bunch.target[:300]


def small(name, **arguments):
    """Return an unfitted estimator of a recipe that trains within a second."""
    common = {"batch_size": 30, "random_state": 0, "training": Training(compile=False, averaging=0.0)}
    network = {} if name in SMALL else {"network": MLP((32,))}
    if name == "wgan_gp":
        common.pop("training")
    return recipes.known()[name].make(**{"max_epochs": 3} | common | network | SMALL.get(name, {}) | arguments)


@cache
def fitted(name):
    X, y = digits()
    estimator = small(name, validation_fraction=0.2)
    return estimator.fit(X, y) if name in OF_CLASSES else estimator.fit(X)


def given(name, rows=slice(None)):
    return {"condition": digits()[1][rows]} if name in OF_CLASSES else {}


@each_recipe
def test_it_improves_on_its_start(name):
    """By the column that patience watches, after an epoch at least; losses of games do not show it."""
    history = fitted(name).history_
    assert all(np.isfinite(history[column]).all() for column in history.columns)
    losses = [column for column in history.columns if column.startswith("validation_") and column.endswith("loss")]
    own = WATCHED.get(name, fitted(name).watch)
    watched = history[own if own in history.columns else losses[0]]
    assert watched[1:].min() < watched[0]


@each_recipe
def test_it_is_the_same_after_it_was_saved(name, tmp_path):
    X, _ = digits()
    estimator = fitted(name)
    estimator.save(tmp_path / "m")
    loaded = isthmus.load(tmp_path / "m")
    assert type(loaded) is type(estimator)
    for method in ("transform", "reconstruct", "score_samples"):
        if hasattr(estimator, method):
            before, after = (getattr(e, method)(X[:20], **given(name, slice(20))) for e in (estimator, loaded))
            np.testing.assert_array_equal(before, after, err_msg=method)
    if hasattr(estimator, "sample"):
        before, after = (e.sample(20, random_state=1, **given(name, slice(20))) for e in (estimator, loaded))
        np.testing.assert_array_equal(before, after)
        assert np.isfinite(before).all()


@each_recipe
def test_it_says_what_it_is_and_where_from(name):
    recipe = recipes.known()[name]
    text = recipe.make.__doc__
    assert "https://" in text, "a link to the paper"
    assert "Parameters\n" in text
    assert len(recipe.summary) < 160
    for argument in signature(recipe.make).parameters:
        assert hasattr(recipe.make(), argument) or argument in text, argument


@each_recipe
def test_a_callers_settings_replace_the_recipes(name):
    made = recipes.known()[name].make(max_epochs=7, random_state=3)
    assert (made.max_epochs, made.random_state) == (7, 3)
    assert clone(made).get_params(deep=False) == made.get_params(deep=False)


def test_a_recipe_is_a_composition():
    made = recipes.iwae(draws=50, latent_dim=3)
    assert made.get_params() == VAE(3, objective=ImportanceWeighted(50)).get_params()


def test_what_makes_a_recipe_what_it_is_cannot_be_replaced():
    with pytest.raises(TypeError, match="objective"):
        recipes.iwae(objective="elbo")


def test_recipes_by_name():
    assert recipes.named("Beta-TC-VAE").make is recipes.beta_tc_vae
    with pytest.raises(UnknownNameError, match="did you mean 'iwae'"):
        recipes.named("iwa")


def test_classes_are_checked():
    X, y = digits()
    with pytest.raises(DataError, match="needs the class of each row"):
        small("conditional_vae").fit(X)
    with pytest.raises(DataError, match="from 0 to 9"):
        small("conditional_vae").fit(X, y + 1)


def test_a_discriminator_of_packs_has_no_answer_for_one_row():
    assert hasattr(fitted("minimax_gan"), "discriminate")
    assert not hasattr(fitted("pac_gan"), "discriminate")
    with pytest.raises(CompositionError, match="packed"):
        small("pac_gan").fit(digits()[0], condition=digits()[1])


def test_a_recipe_at_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", digits()[0])
    run("fit", "free-bits", "x.npy", "--out", "m", "--set", "nats=0.2", "--epochs", "1", "-q")
    assert isthmus.load("m").objective_.divergence.nats == 0.2
    run("fit", "wgan-gp", "x.npy", "--out", "g", "--set", "training__warmup=0.1", "--epochs", "1", "-q")
    assert isthmus.load("g").training.optimizer.beta2 == 0.9, "the recipe's own settings stay where none is given"
    run("fit", "iwae", "x.npy", "--out", "n", "--set", "objective=elbo", "-q", expect=2)
    assert "objective" in capsys.readouterr().err
    run("models")
    listed = capsys.readouterr().out
    assert "beta_tc_vae" in listed
    assert "factorvae" not in listed
    run("models", "iwae")
    assert "draws" in capsys.readouterr().out


PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0])
def test_what_the_page_shows_runs(block):
    exec(compile(block, "recipes.md", "exec"), {})


def test_the_page_names_every_recipe():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in RECIPES)
