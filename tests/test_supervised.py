"""Fine-tuning: a classifier that starts at an encoder's weights, is one of scikit-learn's, and gains by few labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import isthmus
from isthmus import GAN, VAE, Autoencoder, DenoisingAutoencoder, Training
from isthmus.errors import CompositionError, DataError
from isthmus.networks import MLP
from isthmus.supervised import FineTuned, Pretrained, fine_tune

QUICK = Training(compile=False)


@pytest.fixture(scope="module")
def data():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), np.array(list("abcdefghij"))[y]


@pytest.fixture(scope="module")
def encoder(data):
    X, _ = data
    dae = DenoisingAutoencoder(
        512, network=MLP((), code_activation="relu"), tied=True, corruption="gaussian:0.3", max_epochs=40, batch_size=32
    )
    return dae.set_params(training=QUICK, random_state=0).fit(X[:1297])


@pytest.fixture(scope="module")
def tuned(data, encoder):
    X, y = data
    return fine_tune(encoder, X[:200], y[:200], max_epochs=20, random_state=0, training=QUICK)


def test_it_starts_at_the_encoders_weights(data, encoder):
    X, y = data
    still = fine_tune(encoder, X[:50], y[:50], max_epochs=1, learning_rate=1e-12, random_state=0, training=QUICK)
    np.testing.assert_allclose(still.transform(X[:20]), encoder.transform(X[:20]), atol=1e-5)
    head = LogisticRegression(max_iter=1000).fit(encoder.transform(X[:50]), y[:50])
    np.testing.assert_allclose(still.predict_proba(X[:20]), head.predict_proba(encoder.transform(X[:20])), atol=1e-3)


def test_it_is_a_classifier(data, encoder, tuned):
    X, y = data
    assert is_classifier(tuned)
    assert tuned.classes_.tolist() == list("abcdefghij")
    p = tuned.predict_proba(X[1297:])
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert (tuned.predict(X[1297:]) == tuned.classes_[p.argmax(1)]).all()
    assert tuned.score(X[1297:], y[1297:]) == np.mean(tuned.predict(X[1297:]) == y[1297:])
    before = {name: weight.clone() for name, weight in encoder.model_.state_dict().items()}
    again = clone(tuned)
    assert not hasattr(again, "model_")
    again.fit(X[:200], y[:200])
    np.testing.assert_array_equal(again.predict_proba(X[:9]), tuned.predict_proba(X[:9]))
    for name, weight in encoder.model_.state_dict().items():
        assert bool((weight == before[name]).all()), "the encoder that it starts from is not changed"


def test_it_is_the_same_after_it_was_saved(data, tuned, tmp_path):
    X, y = data
    tuned.save(tmp_path / "m")
    loaded = isthmus.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict_proba(X[:30]), tuned.predict_proba(X[:30]))
    assert loaded.classes_.tolist() == tuned.classes_.tolist()
    with pytest.raises(CompositionError, match="an encoder to start from"):
        loaded.fit(X, y)


def test_few_labels_gain_by_the_rows_without(data, encoder):
    """Against logistic regression on the raw pixels of the same 50 labelled rows, over four draws of these."""
    X, y = data
    ours, raw = [], []
    for seed in range(4):
        rows = np.random.default_rng(seed).permutation(1297)[:50]
        few = fine_tune(encoder, X[rows], y[rows], max_epochs=40, random_state=0, training=QUICK)
        ours.append(few.score(X[1297:], y[1297:]))
        raw.append(LogisticRegression(max_iter=2000).fit(X[rows], y[rows]).score(X[1297:], y[1297:]))
    assert np.mean(ours) > np.mean(raw) + 0.02, (ours, raw)


def test_any_encoder_will_do(data):
    X, y = data
    vae = VAE(4, network=MLP((16,)), max_epochs=1, random_state=0, training=QUICK).fit(X[:200])
    tuned = fine_tune(vae, X[:200], y[:200], max_epochs=2, validation_fraction=0.2, random_state=0, training=QUICK)
    losses = tuned.history_["validation_loss"]
    assert losses[-1] < np.log(10)
    plain = Autoencoder(4, network=MLP((16,)), max_epochs=1, random_state=0, training=QUICK).fit(X[:200])
    assert plain.likelihood_ != vae.likelihood_, "one that is measured with a decoder in the end"
    assert fine_tune(plain, X[:200], y[:200], max_epochs=1, random_state=0, training=QUICK).score(X, y) > 0.2
    gan = GAN(2, max_epochs=1, random_state=0, training=QUICK).fit(X[:100])
    with pytest.raises(CompositionError, match="has none"):
        fine_tune(gan, X, y)


def test_mistakes_are_said_in_one_line(data, encoder):
    X, y = data
    new = FineTuned(pretrained=Pretrained(encoder), max_epochs=1)
    with pytest.raises(DataError, match="learns from labels"):
        new.fit(X)
    with pytest.raises(DataError, match="needs two at least"):
        new.fit(X[:9], np.zeros(9))
    with pytest.raises(DataError, match="200 rows and there are 100 of label"):
        new.fit(X[:200], y[:100])
    with pytest.raises(DataError, match=r"samples of shape \(5,\)"):
        new.fit(X[:200, :5], y[:200])
    with pytest.raises(DataError, match="row 0 has the class"):
        new.partial_fit(X[:200], y[:200]).partial_fit(X[:3], np.array(["z", "a", "a"]))
