"""The command line's own words: what a message advises in Python's, and what was meant by a name it does not know."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection
from re import Match

__all__ = ["advised", "command_meant", "option_meant", "spoken"]

COMMANDS = {
    "fit": "train learn",
    "encode": "transform compress embed",
    "reconstruct": "clean denoise decode",
    "complete": "impute fill",
    "score": "predict score-samples likelihood",
    "sample": "generate create draw",
    "synth": "synthesize synthesise fake",
    "detect": "outliers anomalies predict",
    "watch": "monitor drift",
    "inspect": "info show describe",
    "diagnose": "evaluate check judge test validate",
    "report": "plot visualize visualise",
    "compare": "benchmark leaderboard",
    "models": "list systems",
    "reproduce": "replicate",
}
"""What people call a command elsewhere, by its name here."""

OPTIONS = {
    "--learning-rate": "lr rate",
    "--batch-size": "batch bs",
    "--latent-dim": "latent dim code code-dim n-components components z-dim",
    "--epochs": "n-epochs max-epochs iterations steps n-iter",
    "--out": "output outfile save-to",
    "--leave-out": "drop exclude ignore skip",
    "--seed": "random-state random-seed",
    "--device": "gpu cuda cpu",
    "--max-time": "time timeout",
    "-n": "n-samples samples number rows",
    "--condition": "given conditions",
}
"""What people call an option elsewhere, by its name here."""

_VALUE = r"(?:'[^']*'|[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?)"

Words = tuple[tuple[str, str | Callable[[Match[str]], str]], ...]

_COLUMNS: Words = (
    (r"schema=\{'([^']*)': Category\(unseen='gap'\)\} or 'nearest'", "fit with --unseen gap, or --unseen nearest"),
    (r"schema=\{'([^']*)': None\}", lambda found: f"--leave-out {shlex.quote(found[1])}"),
    (r"condition=\{'([^']*)': \.\.\.\}", lambda found: f"--condition {shlex.quote(found[1])}=..."),
)
"""What a message says of columns in Python's words, and the same at the command line."""

_ARGUMENTS: Words = (
    (r"sample\(draw='(\w+)'\)", r"isthmus sample --draw \1"),
    (r"training=Training\((\w+)=([^()]*)\)", r"--set training__\1=\2"),
    (
        rf"\b(objective|penalties|value|prior|likelihood|scaling|validation_fraction)=({_VALUE})",
        lambda found: f"--set {shlex.quote(f'{found[1]}={found[2]}'.replace(chr(39), ''))}",
    ),
    (r"\b(latent_dim|batch_size|learning_rate)\b", lambda found: f"--{found[1].replace('_', '-')}"),
)
"""What a verdict advises in Python's words, and the same at the command line."""


def spoken(message: str) -> str:
    """Return a message with what it says of columns in the command line's words.

    >>> spoken("column 'id' has no value; leave it out: schema={'id': None}")
    "column 'id' has no value; leave it out: --leave-out id"
    """
    return _said(message, _COLUMNS)


def advised(advice: str) -> str:
    """Return a verdict's advice in the command line's words.

    >>> advised("Use a richer prior (prior='vampprior') or objective=ELBO(KL(1.0, warmup=0.5)).")
    "Use a richer prior (--set prior=vampprior) or --set 'objective=ELBO(KL(1.0, warmup=0.5))'."
    """
    return _said(advice, _ARGUMENTS)


def _said(text: str, words: Words) -> str:
    for pattern, mine in words:
        text = re.sub(pattern, mine, text)
    return text


def command_meant(name: str, known: Collection[str]) -> str:
    """Return ``"; did you mean ...?"`` for what is called a command elsewhere, or nothing.

    >>> command_meant("train", ["fit", "encode"])
    "; did you mean 'fit'?"
    """
    meant = [command for command, others in COMMANDS.items() if name.lower() in others.split() and command in known]
    return f"; did you mean {' or '.join(map(repr, meant))}?" if meant else ""


def option_meant(option: str, known: Collection[str], arguments: Collection[str]) -> str:
    """Return ``"; did you mean ...?"`` for what is called an option elsewhere, or is an argument for --set, or nothing.

    >>> option_meant("--lr", ["--learning-rate"], []), option_meant("--prior", ["--set"], ["prior"])
    ("; did you mean '--learning-rate'?", "; did you mean '--set prior=...'?")
    """
    name = option.lstrip("-").lower().replace("_", "-")
    meant = [mine for mine, others in OPTIONS.items() if name in others.split() and mine in known]
    if f"--{name}" in known:
        meant = [f"--{name}"]
    if not meant and name.replace("-", "_") in arguments and "--set" in known:
        meant = [f"--set {name.replace('-', '_')}=..."]
    return f"; did you mean {' or '.join(map(repr, meant))}?" if meant else ""
