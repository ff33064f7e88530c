"""Games: a discriminator that has won, players that swing, a discriminator that knows its training rows by heart."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from ..judge import Codes, Data
from .subject import Subject
from .table import Finding, check, grade

__all__ = ["discriminator_over_fitting", "oscillation", "saturated_discriminator"]


@check(
    "saturated discriminator",
    "D's margin, the mean of D(x) over held-out rows less that of D(G(z)): 0 where it cannot tell, 1 where it is "
    "certain and right; warning above 0.8, fault above 0.9, where the minimax loss keeps less than a tenth of its "
    "slope (Goodfellow et al. 2014, section 3; Arjovsky & Bottou 2017). Judged where V makes D a probability.",
)
def saturated_discriminator(subject: Subject) -> Finding | None:
    """See whether D is certain of every generated row, so that G learns nothing from it."""
    game, judged = subject.game, subject.judged
    if game is None or judged is None or not game.value.probability:
        return None
    of_real, of_fake = expit(judged.real).mean(), expit(judged.fake).mean()
    right = 0.5 * float((judged.real > 0).mean() + (judged.fake < 0).mean())
    of_codes = isinstance(game.judge, Codes)
    real, fake = ("prior codes", "codes of held-out rows") if of_codes else ("held-out rows", "samples")
    return Finding(
        grade(of_real - of_fake, 0.8, 0.9),
        f"D gives {real} {of_real:.2f} and {fake} {of_fake:.2f} on average, and is right about {right:.0%}. The other "
        f"side's loss moves by {judged.slope:.2g} with one logit.",
        {
            "margin": of_real - of_fake,
            "right_about": right,
            "D_of_real": of_real,
            "D_of_fake": of_fake,
            "slope": judged.slope,
            "gradient_norm": judged.gradient,
        },
        "Penalise D's gradient (penalties=R1(1.0)), use value='nonsaturating', lower learning_rate, or a smaller "
        "discriminator.",
    )


@check(
    "oscillation",
    "The players' losses over the last third of the epochs, about their own trend: their standard deviation over their "
    "mean size: below 0.05 in the healthy fits of the benchmark; warning above 0.1, fault above 0.15.",
)
def oscillation(subject: Subject) -> Finding | None:
    """See whether the players' losses still swing late in training."""
    history = subject.estimator.history_
    names = [name for name in history.columns if name.endswith("_value") and not name.startswith("validation_")]
    late = len(history) // 3
    if not names or late < 5:
        return None
    swings = {name.removesuffix("_value"): _swing(history[name][-late:]) for name in names}
    worst = max(swings, key=lambda name: swings[name])
    return Finding(
        grade(swings[worst], 0.1, 0.15),
        f"Over the last {late} of {len(history)} epochs the loss of the {worst} swings by {swings[worst]:.0%} about "
        "its trend.",
        {f"swing_{name}": swing for name, swing in swings.items()} | {"late_epochs": late},
        "Penalise D's gradient (penalties=R1(1.0)), lower learning_rate, let it decay, or set Adam(beta1=0.0).",
    )


def _swing(loss: np.ndarray) -> float:
    """Return the standard deviation about a straight line, over the mean absolute loss."""
    epochs = np.arange(len(loss))
    residual = loss - np.polyval(np.polyfit(epochs, loss, 1), epochs)
    return float(residual.std() / max(np.abs(loss).mean(), 1e-12))


@check(
    "discriminator over-fitting",
    "How much nearer D's logits of held-out rows are to those of generated rows than training rows' are, "
    "(D_train − D_held-out)/(D_train − D_fake): 0 where D treats both alike, 1 where it knows training rows by heart "
    "(Karras et al. 2020, equation 1, who hold such a share near 0.6); warning above 0.5, fault above 0.75. Where D "
    "hardly tells training rows from generated ones, less than a quarter of the spread of its logits, there is no "
    "margin to share.",
)
def discriminator_over_fitting(subject: Subject) -> Finding | None:
    """See whether D judges held-out rows like training rows, or like fakes."""
    model, game, judged = subject.model, subject.game, subject.judged
    if game is None or judged is None or not isinstance(game.judge, Data) or subject.training is None:
        return None
    training, judge = subject.training, game.judge
    own = subject.through(
        training.own, lambda x, c: judge.logits(model, model.scaled(x), c), training.condition
    ).ravel()
    gap = own.mean() - judged.fake.mean()
    pooled = float(np.sqrt(0.5 * (own.var() + judged.fake.var())))
    share = (own.mean() - judged.real.mean()) / gap if gap > 0.25 * pooled else 0.0
    return Finding(
        grade(share, 0.5, 0.75),
        f"D's logit is {own.mean():.2f} for training rows, {judged.real.mean():.2f} for held-out rows and "
        f"{judged.fake.mean():.2f} for samples on average: it has learnt {max(0.0, share):.0%} of its margin by heart.",
        {
            "by_heart": share,
            "logit_training": own.mean(),
            "logit_held_out": judged.real.mean(),
            "logit_fake": judged.fake.mean(),
        },
        "More rows, fewer epochs, a smaller discriminator or a stronger penalty on its gradient.",
    )
