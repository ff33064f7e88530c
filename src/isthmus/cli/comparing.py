"""``isthmus compare``: fit several systems to the same data and rank them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from .fitting import check_folder
from .options import Data, Device, Keep, LeaveOut, Seed, Trackers
from .rows import is_data_set, read_rows, without_ids
from .systems import estimators_from

__all__ = ["compare"]


def compare(
    data: Data,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder for the report, the pictures, the measurements and models.")
    ],
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            "-s",
            help="A system, with its arguments if it has any: -s vae -s 'vae(prior=vampprior(100))' or -s 'vae "
            "prior=vampprior:100'. Repeat the option for several; by default isthmus's five are compared.",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="The number of passes over the data in each fit.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="The time that each fit may take, in seconds, instead of --epochs.")
    ] = None,
    latent_dim: Annotated[int | None, typer.Option(help="The width of every system's code.")] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="The number of fits of each system; with several, the spread is shown too.")
    ] = 1,
    leave_out: LeaveOut = None,
    keep: Keep = None,
    seed: Seed = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Reuse the finished fits that --out already holds.")] = False,
    track: Trackers = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show neither progress nor the table.")] = False,
) -> None:
    """Fit several systems under one budget, print one leaderboard and write one report.

    A file's rows are split: a fifth of them, chosen at random, is held out to measure on.

    Example: isthmus compare digits --out out/ --seeds 3
    """
    check_folder(out)
    from .. import datasets
    from ..compare import compare as run
    from ..compare import held_out

    systems = estimators_from(system) if system else None
    if is_data_set(data) and not leave_out:
        rows = datasets.load(data)
    else:
        read = without_ids(data, read_rows(data, training=True, without=leave_out or ()), keep or ())
        rows = held_out(data, read.values, seed)
    run(
        rows,
        out,
        systems=systems,
        epochs=epochs,
        seconds=seconds,
        latent_dim=latent_dim,
        seeds=seeds,
        seed=seed,
        device=device,
        resume=resume,
        trackers=track,
        verbose=not quiet,
        command=shlex.join(["isthmus", *sys.argv[1:]]),
    )
