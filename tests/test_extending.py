"""What docs/extending.md shows runs, and what it says of code of one's own holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus import VAE
from isthmus.likelihood import Likelihood

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]*)\n(?:(?!^## ).)*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))


def test_every_kind_has_an_example():
    assert [name.partition(":")[0] for name in SECTIONS] == [
        "A likelihood",
        "A penalty",
        "An objective",
        "A corruption",
        "An estimator",
    ]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_pages_python_runs(section, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(SECTIONS[section], "extending.md", "exec"), {"__name__": "__main__"})


class ExponentialCounts(Likelihood):
    support = (0, np.inf)

    def distribution(self, log_rate):
        return torch.distributions.Poisson(torch.exp(log_rate), validate_args=False)


def test_a_blow_up_in_a_likelihood_of_ones_own_heals(rng):
    """An exponential overflows at this rate; the fit still comes to within a tenth of the entropy of the counts."""
    X = rng.poisson(3.0, size=(300, 4))
    vae = VAE(2, likelihood=ExponentialCounts(), max_epochs=10, learning_rate=0.03, random_state=0).fit(X)
    assert np.nansum(vae.history_["healed"]) >= 1
    entropy = -4 * torch.distributions.Poisson(3.0).log_prob(torch.as_tensor(X[:, 0])).mean()
    assert vae.history_["loss"][-1] == pytest.approx(float(entropy), rel=0.1)
    assert np.isfinite(vae.score_samples(X)).all()


def test_a_model_of_ones_own_likelihood_loads_in_a_new_process(tmp_path):
    definition = SECTIONS["A likelihood: counts by a Poisson in four lines"].partition("rng = ")[0]
    (tmp_path / "counts_of_mine.py").write_text(definition, encoding="utf-8")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).poisson(3.0, size=(60, 4)))
    code = (
        "import sys, numpy as np, isthmus, counts_of_mine\n"
        "X = np.load('x.npy')\n"
        "if sys.argv[1] == 'save':\n"
        "    m = isthmus.VAE(2, likelihood=counts_of_mine.Counts(), max_epochs=2, random_state=0).fit(X)\n"
        "    m.save('m')\n"
        "else:\n"
        "    m = isthmus.load('m')\n"
        "np.save(sys.argv[1] + '.npy', m.score_samples(X))\n"
    )
    for what in ("save", "load"):
        done = subprocess.run([sys.executable, "-c", code, what], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "save.npy"), np.load(tmp_path / "load.npy"))
