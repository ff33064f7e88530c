"""The command line: ``isthmus fit``, ``isthmus compare``, ``isthmus report`` and their like.

A file is a job: `entry` starts the command line and prints mistakes, `fitting`, `applying`, `completing`, `synth`,
`detecting`, `watching`, `judging`, `comparing`, `reproducing` and `listing` hold the commands. Heavy imports wait
inside the commands, so that ``--help`` answers at once.
"""

from .applying import encode, reconstruct, sample, score
from .comparing import compare
from .completing import complete
from .detecting import detect
from .entry import app, main
from .fitting import fit
from .judging import diagnose, inspect, report
from .listing import datasets, models, parts
from .reproducing import reproduce
from .synth import synth
from .watching import watch

__all__ = ["app", "main"]

for command in (
    fit,
    encode,
    reconstruct,
    score,
    sample,
    complete,
    synth,
    detect,
    watch,
    inspect,
    diagnose,
    report,
    compare,
    reproduce,
    datasets,
    models,
    parts,
):
    app.command()(command)
