"""Systems register: a user's own are known, saved and loaded as ours are; and what the verbs stand for is offered."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import isthmus
from isthmus import VAE, Autoencoder, systems
from isthmus.errors import ModelFileError
from isthmus.verbs import verb

MINE = '''
"""A user's own estimators: one with a name of its own, one with the name of one of isthmus's."""
from isthmus.estimators import Autoencoder as Theirs
from isthmus.objective import Sum
from isthmus.term import NegativeLogLikelihood, Term
from isthmus.training import Player


class L1(Term):
    """A sparse code."""

    def __call__(self, model, passed, source):
        return passed.z.abs().sum(-1)


class SparseOne(Theirs):
    """An autoencoder of sparse codes."""

    sparsity: float = 0.1

    def players(self):
        return [Player("autoencoder", Sum((NegativeLogLikelihood(), L1(self.sparsity))))]


class Autoencoder(Theirs):
    """One that has the name of one of ours."""
'''


@pytest.fixture
def folder(tmp_path, rng):
    """A module of a user's own, a model of either class that was saved in another process, and the rows."""
    (tmp_path / "mine.py").write_text(MINE)
    X = rng.normal(size=(40, 6))
    np.save(tmp_path / "x.npy", X)
    _run(
        tmp_path,
        "import numpy as np, mine",
        *(
            f"m = mine.{name}(2, max_epochs=1, random_state=0).fit(np.load('x.npy')); m.save('{name}'); "
            f"np.save('{name}.npy', m.score_samples(np.load('x.npy')))"
            for name in ("SparseOne", "Autoencoder")
        ),
    )
    return tmp_path


def _run(folder, *lines: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_users_class_is_loaded_when_its_module_is_imported(folder):
    said = _run(
        folder,
        "import isthmus, numpy as np, mine",
        "X = np.load('x.npy')",
        "for name in ('SparseOne', 'Autoencoder'):",
        "    m = isthmus.load(name)",
        "    assert type(m) is getattr(mine, name), type(m)",
        "    assert (m.score_samples(X) == np.load(name + '.npy')).all()",
        "assert isthmus.load('SparseOne').sparsity == 0.1",
        "assert type(mine.SparseOne.load('SparseOne')) is mine.SparseOne",
        "print('done')",
    )
    assert said == "done\n"


def test_without_the_import_the_message_names_the_module(folder):
    with pytest.raises(
        ModelFileError, match="a SparseOne, which is defined in 'mine': import mine first, or at the command line"
    ):
        isthmus.load(folder / "SparseOne")


def test_a_users_class_with_the_name_of_one_of_ours_is_not_mistaken_for_it(folder):
    """Loaded as ours it would be another system without a word."""
    with pytest.raises(ModelFileError, match=r"holds a Autoencoder, which is defined in 'mine'"):
        isthmus.load(folder / "Autoencoder")


def test_ours_is_still_ours_beside_a_users_of_that_name(rng, tmp_path):
    Autoencoder(2, max_epochs=1, random_state=0).fit(rng.normal(size=(40, 6))).save(tmp_path / "m")
    before = systems.known()
    try:
        Mine = type("Autoencoder", (Autoencoder,), {"__module__": "elsewhere", "__doc__": "Another."})
        known = systems.known()
        assert known["autoencoder"] is Autoencoder
        assert known["elsewhere.autoencoder"] is Mine
        assert type(isthmus.load(tmp_path / "m")) is Autoencoder
        assert systems.find("Autoencoder", "elsewhere") is Mine
    finally:
        systems._SYSTEMS.clear()
        systems._SYSTEMS.update(before)


def test_abilities_are_what_the_classes_offer():
    assert VAE.abilities() == {"codes", "reconstructions", "scores", "density", "samples"}
    assert isthmus.GAN.abilities() == {"samples"}
    assert "density" not in Autoencoder.abilities()


def test_verbs_are_offered_by_the_root(rng, tmp_path):
    assert callable(verb("save"))
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(rng.normal(size=(40, 6)))
    verb("save")(model, tmp_path / "m")
    assert type(verb("load")(tmp_path / "m", device="cpu", own={}, expected=Autoencoder)) is Autoencoder
    with pytest.raises(ModelFileError, match="holds a Autoencoder, not a VAE"):
        VAE.load(tmp_path / "m")


def test_an_estimator_that_does_not_say_who_plays_is_told_so(rng):
    from isthmus.estimators import Reconstructs

    class Idle(Reconstructs, system=False):
        """Plays nothing."""

    assert "idle" not in systems.known()
    with pytest.raises(NotImplementedError, match=r"Idle does not say who plays: define players\(\)"):
        Idle(2, max_epochs=1).fit(rng.normal(size=(40, 6)))
