"""``isthmus fit``: fit a system to rows and write the model's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DataError, ModelFileError
from .options import Data, Device, Keep, LeaveOut, Seed, Trackers, Unseen, UnseenOption, several
from .rows import as_frame, read_rows, schema_with, without_ids
from .systems import SHORT_NAMES, arguments_from, system_named

if TYPE_CHECKING:
    from ..estimators import Estimator

__all__ = ["check_folder", "fit"]


def fit(
    system: Annotated[
        str,
        typer.Argument(
            help="The name of a system, as `isthmus models` lists them: vae, gan, autoencoder, "
            f"{', '.join(SHORT_NAMES)}, a recipe such as iwae, or a class of your own that --import defines."
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the model to.")],
    latent_dim: Annotated[
        int | None, typer.Option(help="The width of the code; by default it depends on the number of features.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="The number of passes over the data; each system has a default.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="The number of rows in a training step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest learning rate of the schedule.")] = None,
    network: Annotated[
        str | None, typer.Option(help="The network: conv, mlp:512,256, 'mlp(hidden=[512, 256], norm=batch)', ...")
    ] = None,
    likelihood: Annotated[
        str | None, typer.Option(help="The likelihood of a feature's value: bernoulli, gaussian, ...")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="The number format: auto, float32, bfloat16 or float64.")] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set any other argument; repeat the option for several. A value is a number, a word or a part: --set "
            "corruption=masking:0.5, --set 'objective=elbo(divergence=kl(weight=4, warmup=0.1))', --set "
            "training__averaging=0.99. `isthmus models NAME` lists a system's arguments, `isthmus parts` the parts.",
        ),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN[,COLUMN]",
            help="Columns that the model is told beside each row and does not model: it learns p(x|c). Other commands "
            "then take them by name from their data, `isthmus sample` by its own --condition.",
        ),
    ] = None,
    leave_out: LeaveOut = None,
    keep: Keep = None,
    unseen: UnseenOption = Unseen.error,
    max_time: Annotated[
        float | None, typer.Option(help="Stop after this many seconds, if --epochs takes longer.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A folder to keep the state of the fit in, so that --resume can continue it.")
    ] = None,
    every: Annotated[
        int | None, typer.Option(help="The number of steps between checkpoints; by default one checkpoint per epoch.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint, if there is one.")] = False,
    track: Trackers = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that --out already holds.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show neither progress nor a summary.")] = False,
) -> None:
    """Fit a model to data and write it to a folder. Ctrl-C ends the fit early and keeps what it has learnt.

    Example: isthmus fit vae digits --out model/ --latent-dim 16 --epochs 100
    """
    from ..part_language import construct, read

    cls = system_named(system)
    named: dict[str, Any] = {
        "latent_dim": latent_dim,
        "max_epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "network": None if network is None else read(cls, "network", network),
        "likelihood": None if likelihood is None else read(cls, "likelihood", likelihood),
        "random_state": seed,
        "device": device,
        "precision": precision,
        "verbose": 0 if quiet else 1,
    }
    training = {
        "max_time": max_time,
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "every": every,
        "resume": resume or None,
        "trackers": tuple(track) if track else None,
    }
    training = {name: value for name, value in training.items() if value is not None}
    arguments = {name: value for name, value in named.items() if value is not None}
    estimator = construct(cls, arguments | arguments_from(cls, settings or [], training))
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        if not (out / "config.json").is_file():
            raise ModelFileError(f"{out} exists and is not a model's folder; choose another place")
        if not force:
            raise ModelFileError(f"{out} holds a model; --force replaces it")
    check_folder(out.parent)
    told = several(condition)
    rows = as_frame(without_ids(data, read_rows(data, training=True, without=leave_out or ()), [*(keep or ()), *told]))
    schema = schema_with(data, rows, unseen)
    if schema is not None:
        estimator.set_params(schema=schema)
    try:
        estimator.fit(rows, **({"condition": told} if told else {}))
    except (KeyboardInterrupt, SystemExit):
        if hasattr(estimator, "model_"):
            _save(estimator, out, quiet)
        raise
    _save(estimator, out, quiet)


def _save(model: Estimator, out: Path, quiet: bool) -> None:
    """Write a fitted model and say how its fit ended."""
    model.save(out)
    if not quiet:
        last = {name: value for name, value in model.history_[-1].items() if name not in ("epoch", "seconds")}
        losses = ", ".join(f"{name.replace('_', ' ')} {value:.5g}" for name, value in last.items())
        print(f"{len(model.history_)} epochs: {losses}\nmodel: {out}")


def check_folder(place: Path) -> None:
    """Refuse, before any work is done, a folder that cannot be made or written to."""
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not existing.is_dir():
        raise DataError(f"{existing} is a file, not a folder; choose another place")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise DataError(f"the folder {existing} cannot be written to; choose another place")
