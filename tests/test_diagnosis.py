"""Verdicts: planted faults are named, healthy fits are called healthy, and the numbers are what they say."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from benchmarks.planted import FAULTS, HEALTHY, Case, digits, factors
from sklearn.decomposition import PCA

import isthmus
from isthmus import VAE, Autoencoder, cli
from isthmus.diagnosis import CHECKS, Verdict, diagnose, summary, worst_first
from isthmus.diagnosis.linear import linear_code
from isthmus.diagnosis.table import grade
from isthmus.errors import DataError
from isthmus.training import History

SEED = 0
"""One of the seeds that thresholds were chosen on; the benchmark counts faults and healthy fits of others."""

ONE_EACH = {case.how.partition("(")[0]: case for case in HEALTHY}
"""A healthy fit of every system; the benchmark has them all, over several seeds."""


def _named(case: Case) -> str:
    return f"{case.about[0]}: {case.how}"


def _verdicts(case: Case) -> dict[str, Verdict]:
    estimator, rows = case.fit(SEED)
    return {verdict.about: verdict for verdict in diagnose(estimator, rows.test, rows.train)}


@pytest.mark.parametrize("case", FAULTS, ids=_named)
def test_a_planted_fault_is_named(case):
    found = _verdicts(case)
    for about in case.about:
        verdict = found[about]
        assert verdict.status == "fault", verdict
        assert verdict.advice
        assert verdict.threshold
        assert all(np.isfinite(value) for value in verdict.evidence.values())


@pytest.mark.parametrize("case", ONE_EACH.values(), ids=_named)
def test_a_healthy_fit_is_called_healthy(case):
    verdicts = _verdicts(case)
    assert {about: verdicts[about].status for about in case.about} == dict.fromkeys(case.about, "healthy")
    assert not [verdict for verdict in verdicts.values() if verdict.status == "fault"]
    assert not any(verdict.advice for verdict in verdicts.values() if verdict.status == "healthy")


def test_every_check_has_a_planted_fault():
    assert {about for case in FAULTS for about in case.about} == {check.about for check in CHECKS}


def test_the_same_seed_gives_the_same_verdicts_and_leaves_global_randomness_alone():
    rows = factors(0)
    vae = VAE(3, max_epochs=2, random_state=0).fit(rows.train)
    before = torch.get_rng_state()
    first = diagnose(vae, rows.test, rows.train, random_state=3)
    assert first == diagnose(vae, rows.test, rows.train, random_state=3)
    assert torch.equal(before, torch.get_rng_state())


def test_without_training_rows_what_needs_them_is_left_out():
    rows = factors(0)
    vae = VAE(3, max_epochs=2, random_state=0).fit(rows.train)
    with_them, without = ({v.about for v in diagnose(vae, rows.test, X)} for X in (rows.train, None))
    assert with_them - without == {"over-fitting", "memorised samples"}


def test_collapse_says_since_when():
    rows = factors(0)
    vae = VAE(3, max_epochs=3, random_state=0).fit(rows.train)
    for weight in vae.model_.networks["encoder"].parameters():
        weight.data.zero_()
    counts = [3, 2, 0, 1, 0, 0]
    vae.history_ = History([{"epoch": i + 1, "active_units": n} for i, n in enumerate(counts)])
    verdict = next(v for v in diagnose(vae, rows.test) if v.about == "posterior collapse")
    assert verdict.evidence["since_epoch"] == 5
    assert "units 0, 1, 2 since epoch 5" in verdict.statement


def test_the_linear_code_keeps_the_directions_that_stand_out_of_the_noise(rng):
    """Four orthogonal directions of known variance in noise of 1: the closed form of Lucas et al. (2019)."""
    variances = np.array([9.0, 4.0, 0.0, 0.0, 0.0])
    x = rng.normal(size=(200_000, 5)) * np.sqrt(variances + 1)
    found = linear_code(x, np.ones(5), d=4)
    kept = variances[:2] + 1
    assert found.kept == 2
    np.testing.assert_allclose(found.x_hat[:, :2], x[:, :2] * (1 - 1 / kept), atol=0.1)
    np.testing.assert_allclose(found.x_hat[:, 2:], 0, atol=0.1)
    assert linear_code(x, np.ones(5), d=1).kept == 1
    nothing = linear_code(np.ones((10, 3)), np.ones(3), d=2)
    assert nothing.kept == 0
    np.testing.assert_array_equal(nothing.x_hat, np.ones((10, 3)))
    few, wide = x[:50] @ rng.normal(size=(5, 80)), np.full(80, 0.5)  # more features than rows
    centred = (few - few.mean(0)) / 0.5
    _, s, directions = np.linalg.svd(centred, full_matrices=False)
    kept = directions[:2] * (1 - len(few) / s[:2, None] ** 2)
    np.testing.assert_allclose(linear_code(few, wide, d=2).x_hat, few.mean(0) + 0.5 * centred @ kept.T @ directions[:2])


def test_grades_beyond_either_end():
    assert [grade(v, 1, 2) for v in (0.5, 1, 1.5, 2, 3)] == ["healthy", "healthy", "warning", "warning", "fault"]
    assert [grade(v, 2, 1) for v in (3, 2, 1.5, 1, 0.5)] == ["healthy", "healthy", "warning", "warning", "fault"]


def test_the_worst_comes_first_and_in_plain_text():
    verdicts = [Verdict(name, status, "Found.", {}, "", "") for name, status in
                (("a", "healthy"), ("b", "warning"), ("c", "fault"), ("d", "warning"))]  # fmt: skip
    assert [verdict.about for verdict in worst_first(verdicts)] == ["c", "b", "d", "a"]
    assert summary(verdicts).splitlines()[0] == "1 fault, 2 warnings; 1 check passed"
    assert summary([]) == "nothing to judge"


def test_mistakes_are_told(rng):
    ae = Autoencoder(2, max_epochs=1).fit(rng.normal(size=(50, 8)))
    with pytest.raises(DataError, match="at least 20 held-out rows, got 5"):
        diagnose(ae, np.zeros((5, 8)))
    with pytest.raises(ValueError, match="features"):
        diagnose(ae, np.zeros((30, 7)))
    with pytest.raises(DataError, match="of isthmus, got a PCA"):
        diagnose(PCA(), np.zeros((30, 7)))


def test_images_and_grey_values_in_bytes(digits):
    images = (digits[:300] * 255).astype(np.uint8)
    ae = Autoencoder(4, likelihood="bernoulli", max_epochs=2, random_state=0).fit(images[:200])
    found = {verdict.about: verdict for verdict in diagnose(ae, images[200:], images[:200])}
    assert 0.3 < found["grey values under a Bernoulli"].evidence["variance_share"] < 0.7


def test_the_command(tmp_path, capsys, monkeypatch):
    rows = digits(0)
    np.save(tmp_path / "train.npy", rows.train)
    np.save(tmp_path / "test.npy", rows.test)
    VAE(2, max_epochs=1, random_state=0).fit(rows.train).save(tmp_path / "m")
    monkeypatch.setenv("COLUMNS", "200")
    for arguments in (["test.npy", "--train", "train.npy"], ["test.npy"]):
        monkeypatch.setattr(sys, "argv", ["isthmus", "diagnose", str(tmp_path / "m"), *arguments])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as done:
            cli.main()
        assert (done.value.code or 0) == 0
        shown = capsys.readouterr().out
        assert "posterior collapse" in shown
        assert ("over-fitting" in shown) == ("--train" in arguments)
    assert isthmus.load(tmp_path / "m").latent_dim_ == 2
