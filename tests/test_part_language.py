"""Parts written as text: what is read, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from isthmus import GAN, VAE, Training
from isthmus.corruption import Corruption, Gaussian, SaltAndPepper
from isthmus.divergence import KL
from isthmus.errors import CompositionError, UnknownNameError
from isthmus.networks import MLP
from isthmus.objective import ELBO
from isthmus.part_language import make, read
from isthmus.parts import parse
from isthmus.penalty import R1, R2
from isthmus.prior import VampPrior
from isthmus.trackers import JSONLines, TensorBoard
from isthmus.training.optimizer import SGD

READ = {
    "short form": (VAE, "prior", "vampprior:100", VampPrior(100)),
    "short form with a list": (VAE, "network", "mlp:512,256", MLP((512, 256))),
    "call": (VAE, "prior", "VampPrior(components=100)", VampPrior(100)),
    "nested": (VAE, "objective", "elbo(divergence=kl(weight=4, warmup=0.1))", ELBO(KL(4, 0.1))),
    "nested by position": (VAE, "objective", "elbo(kl(4), 2)", ELBO(KL(4), 2)),
    "nested word": (VAE, "objective", "elbo(kl)", ELBO(KL())),
    "nested short form": (VAE, "objective", "elbo('kl:4')", ELBO(KL(4))),
    "call in a short form": (VAE, "objective", "elbo:kl(4)", ELBO(KL(4))),
    "training": (
        VAE,
        "training",
        "training(optimizer=sgd(momentum=0.5), averaging=0.99, compile=false)",
        Training(optimizer=SGD(momentum=0.5), averaging=0.99, compile=False),
    ),
    "list of parts": (GAN, "penalties", "[r1(0.5), r2()]", (R1(0.5), R2())),
    "list of words": (Training, "trackers", "[tensorboard('a b'), jsonlines]", (TensorBoard("a b"), JSONLines())),
    "quoted text": (Training, "trackers", "jsonlines(path='a, b.jsonl')", JSONLines("a, b.jsonl")),
    "kind and name": (VAE, "objective", "objective.elbo(divergence.kl)", ELBO(KL())),
    "argument of any kind": (GAN, "discriminator", "mlp(hidden=[8, 6], norm=batch)", MLP((8, 6), norm="batch")),
    "none": (VAE, "objective", "elbo(divergence=none)", ELBO(None)),
    "negative": (VAE, "learning_rate", "-0.5", -0.5),
    "text that reads as None": (VAE, "scaling", "none", "none"),
    "no text": (Training, "checkpoint", "none", None),
    "text that reads as a number": (Training, "checkpoint", "2026", "2026"),
    "auto": (VAE, "prior", "auto", "auto"),
    "truth": (Training, "compile", "false", False),
    "device": (VAE, "device", "cuda:1", "cuda:1"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_is_read(case):
    cls, argument, text, expected = READ[case]
    found = read(cls, argument, text)
    assert found == expected
    assert type(found) is type(expected)


def test_names_are_forgiving_about_case_hyphens_and_underscores():
    for text in ("saltandpepper:0.2", "Salt-and-Pepper:0.2", "salt_and_pepper(0.2)", "salt-and-pepper(fraction=0.2)"):
        assert parse("corruption", text) == SaltAndPepper(0.2)


def test_a_system_is_written_as_a_part_is():
    assert repr(make(VAE, "vae(4, prior=vampprior(9))")) == repr(VAE(4, prior=VampPrior(9)))


NOISE = Gaussian()

REFUSED = {
    "argument": ("vampprior(compnents=3)", "unknown argument of VampPrior 'compnents', did you mean 'components'"),
    "too many": ("vampprior(3, 4)", "takes at most 1 argument by position (components), got 2"),
    "twice": ("vampprior(3, components=4)", "components is given twice"),
    "range": ("vampprior(0)", "components must be at least 1 and whole, got 0"),
    "part": ("vampprio(3)", "unknown prior 'vampprio', did you mean 'vampprior'"),
    "another kind": ("corruption.gaussian(3)", "unknown prior 'corruption.gaussian'"),
    "bracket": ("vampprior(3", "cannot read 'vampprior(3' at character"),
    "colon in brackets": ("vampprior(components:3)", "inside brackets a part is kl(4), not kl:4"),
    "stars": ("vampprior(**{})", "unknown argument of VampPrior '**'"),
    "code": ("vampprior(__import__('os').getpid())", "cannot read \"__import__('os').getpid()\""),
    "expression": ("vampprior(2 + 2)", "cannot read '2 + 2'"),
    "depth": ("vampprior(" + "(" * 10_000, "cannot read 'vampprior("),
    "number": ("5", "unknown prior '5'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why_in_a_line(case):
    text, message = REFUSED[case]
    with pytest.raises((CompositionError, UnknownNameError)) as caught:
        parse("prior", text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_two_parts_and_a_required_argument_are_asked_for():
    class Own:
        anything: Any

        def __init__(self, anything=None) -> None: ...

    with pytest.raises(CompositionError, match=r"several parts: write corruption\.gaussian or likelihood\.gaussian"):
        read(Own, "anything", "gaussian(1)")
    with pytest.raises(CompositionError, match=r"discriminate needs value: discriminate\(value=\.\.\.\)"):
        parse("objective", "discriminate")


def test_your_own_class_is_read_by_its_annotations():
    class Own:
        noise: Corruption | Callable[..., Any]
        value: str
        untyped: Any

        def __init__(self, noise=None, value="", untyped=None, penalty=NOISE) -> None: ...

    assert read(Own, "noise", "gaussian:0.1") == Gaussian(0.1)
    assert read(Own, "value", "minimax") == "minimax", "an argument annotated as text is text, whatever its name"
    assert read(Own, "untyped", "gaussian") == "gaussian"
    assert read(Own, "penalty", "gaussian") == NOISE, "without an annotation the default says the kind"
