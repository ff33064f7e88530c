"""The command line: ``isthmus fit | encode | reconstruct | score | sample | report | diagnose | compare | ...``.

Heavy imports wait until a command needs them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import CompositionError, DataError, IsthmusError, ModelFileError, UnknownNameError, nearest

if TYPE_CHECKING:
    from .files import Table

__all__ = ["app", "main"]

SYSTEMS = {
    "autoencoder": "Autoencoder",
    "denoising": "DenoisingAutoencoder",
    "contractive": "ContractiveAutoencoder",
    "vae": "VAE",
    "gan": "GAN",
    "adversarial": "AdversarialAutoencoder",
}
ALIASES = {"ae": "autoencoder", "dae": "denoising", "cae": "contractive", "aae": "adversarial"}
VERBS = {"encode": "transform", "reconstruct": "reconstruct", "score": "score_samples", "sample": "sample"}
KINDS = (
    "network",
    "likelihood",
    "corruption",
    "prior",
    "objective",
    "penalty",
    "value",
    "critic_penalty",
    "tracker",
)
INTERRUPTED = 130
"""The exit status that typer turns Ctrl-C into."""

app = typer.Typer(
    name="isthmus",
    help="Compress, clean, complete, detect and create: autoencoders, VAEs and GANs for arrays, images and tables.\n\n"
    "Start with: isthmus compare digits --out out/",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    str,
    typer.Argument(
        help="A name that `isthmus datasets` lists (fit takes its training rows; encode, reconstruct and score its "
        "test rows), or a path: csv, tsv, parquet, npy, npz, a folder of images."
    ),
]
ModelFolder = Annotated[Path, typer.Argument(help="A folder that `isthmus fit` wrote.")]
OutFile = Annotated[
    Path, typer.Option("--out", "-o", help="Where to write: csv, tsv, parquet, npy or npz; for images also a folder.")
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        help="Where the history goes besides the model's folder, once for each: tensorboard:runs, mlflow:experiment, "
        "jsonlines:history.jsonl.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]


def main() -> None:
    """Run the command line; a mistake costs one line and exit status 2."""
    warnings.showwarning = _one_line_warning
    try:
        app()
    except (IsthmusError, ValueError, OSError) as error:
        print(f"isthmus: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as done:
        if done.code == INTERRUPTED:
            print("isthmus: interrupted before it was done", file=sys.stderr)
        raise


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _one_line_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    print(f"isthmus: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _version(asked: bool) -> None:
    if asked:
        from . import __version__

        print(f"isthmus {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def fit(
    system: Annotated[str, typer.Argument(help=f"One of: {', '.join(SYSTEMS)} (or {', '.join(ALIASES)}).")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The model's folder.")],
    latent_dim: Annotated[
        int | None, typer.Option(help="Width of the code; by default by the number of features.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data; by default the system's own.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest rate of the schedule.")] = None,
    network: Annotated[str | None, typer.Option(help="mlp:512,256 or conv.")] = None,
    likelihood: Annotated[str | None, typer.Option(help="bernoulli, gaussian, ...")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16, float64.")] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any other argument, once for each: --set corruption=masking:0.5, --set training__averaging=0.99; "
            "`isthmus models` lists the parts.",
        ),
    ] = None,
    max_time: Annotated[float | None, typer.Option(help="A budget in seconds, beside --epochs.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="A folder that the fit's state is kept in.")] = None,
    every: Annotated[int | None, typer.Option(help="Steps between checkpoints; by default one an epoch.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")] = False,
    track: Track = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is already there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")] = False,
) -> None:
    """Fit a model to data and write its folder. Ctrl-C ends a fit early and keeps what was learnt.

    Example: isthmus fit vae digits --out model/ --latent-dim 16 --epochs 100
    """
    cls = _system(system)
    given = {
        "latent_dim": latent_dim,
        "max_epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "network": network,
        "likelihood": likelihood,
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    arguments |= {"random_state": seed, "device": device, "precision": precision, "verbose": 0 if quiet else 1}
    checkpoints = None if checkpoint is None else str(checkpoint)
    trained = {
        "max_time": max_time,
        "checkpoint": checkpoints,
        "every": every,
        "resume": resume or None,
        "trackers": tuple(track) if track else None,
    }
    arguments |= _settings(cls, settings or [], {name: value for name, value in trained.items() if value is not None})
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        if not (out / "config.json").is_file():
            raise ModelFileError(f"{out} exists and is not a model's folder; choose another place")
        if not force:
            raise ModelFileError(f"{out} holds a model; --force replaces it")
    _check_folder(out.parent)
    table = _data(data, training=True)
    model = cls(**arguments).fit(_frame(table))
    model.save(out)
    if not quiet:
        last = {name: value for name, value in model.history_[-1].items() if name not in ("epoch", "seconds")}
        losses = ", ".join(f"{name.replace('_', ' ')} {value:.5g}" for name, value in last.items())
        print(f"{len(model.history_)} epochs: {losses}\nmodel: {out}")


def _check_folder(place: Path) -> None:
    """Refuse, before any work is done, a folder that is not there and could not be made, or not be written to."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir():
        raise DataError(f"{there} is a file, not a folder; choose another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise DataError(f"the folder {there} cannot be written to; choose another place")


def _system(name: str) -> Any:
    full = ALIASES.get(name.lower(), name.lower())
    if full not in SYSTEMS:
        raise UnknownNameError("system", name, [*SYSTEMS, *ALIASES])
    return getattr(import_module(".estimators", __package__), SYSTEMS[full])


def _settings(cls: Any, settings: list[str], trained: dict[str, Any]) -> dict[str, Any]:
    """Return ``--set key=value`` as constructor arguments; ``training__key`` is one of `Training`."""
    from .parts import literal
    from .training import Training

    system = cls()
    known = system.get_params(deep=False)
    training = Training()
    arguments: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise CompositionError(f"--set {setting}: say --set name=value")
        if name.startswith("training__"):
            name = name.removeprefix("training__")
            if name not in training.get_params(deep=False):
                raise UnknownNameError("argument of Training", name, training.get_params(deep=False))
            trained[name] = literal(value)
        elif name not in known:
            raise UnknownNameError(f"argument of {cls.__name__}", name, known)
        else:
            arguments[name] = literal(value)
    if trained:
        arguments["training"] = training.set_params(**trained)
    return arguments


def _data(name: str, training: bool) -> Table:
    """Return rows by the name of a data set or from a path."""
    from . import datasets, files

    names = [known.name for known in datasets.available()]
    if name in names:
        found = datasets.load(name)
        return files.Table(found.train if training else found.test)
    if not Path(name.partition(".npz:")[0]).exists() and not Path(name).suffix and "/" not in name:
        here = sorted(p.name for p in Path().iterdir() if not p.name.startswith("."))
        same = next((f", did you mean {file!r}?" for file in here if Path(file).stem == name), "")
        hint = same or nearest(name, [*here, *names])
        raise DataError(f"{name!r} is neither a data set nor a file{hint}; data sets: {', '.join(names)}")
    return files.read(name)


def _frame(table: Table) -> Any:
    """Return the table as what an estimator takes: a frame where columns have names."""
    if table.columns is None:
        return table.values  # among them what is mapped, since it may not fit in memory
    import polars as pl

    return pl.DataFrame(table.values, schema=table.columns, orient="row")


def _apply(verb: str, model_folder: Path, data: str, out: Path, device: str) -> tuple[Any, Any, Table]:
    """Return a model, what its verb makes of the data, and the data."""
    from . import files, load

    files.check_writable(out)
    model = load(model_folder, device=device)
    method = getattr(model, VERBS[verb], None)
    if method is None:
        can = ", ".join(v for v, m in VERBS.items() if hasattr(model, m))
        raise CompositionError(f"{model_folder} holds a {type(model).__name__}, which cannot {verb}; it can {can}")
    table = _data(data, training=False)
    with warnings.catch_warnings(record=True) as met:  # a mistake is told alone, without the warnings before it
        result = method(_frame(table))
    for warning in met:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return model, result, table


def _columns(estimator: Any) -> list[str] | None:
    """Return the names of the columns that a model was fitted on, if they had any."""
    return list(estimator.feature_names_in_) if hasattr(estimator, "feature_names_in_") else None


@app.command()
def encode(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write the codes of rows.

    Example: isthmus encode model/ digits --out codes.parquet
    """
    from . import files

    estimator, codes, _ = _apply("encode", model, data, out, device)
    files.write(out, codes, list(estimator.get_feature_names_out()))


@app.command()
def reconstruct(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write what the model makes of rows: compressed and back, or cleaned.

    Example: isthmus reconstruct model/ noisy.csv --out clean.csv
    """
    from . import files

    estimator, rows, table = _apply("reconstruct", model, data, out, device)
    files.write(out, rows, table.columns or _columns(estimator))


@app.command()
def score(model: ModelFolder, data: Data, out: OutFile, device: Device = "auto") -> None:
    """Write a log-likelihood in nats for each row; low is unusual.

    Example: isthmus score model/ data.csv --out scores.csv
    """
    from . import files

    _, scores, _ = _apply("score", model, data, out, device)
    files.write(out, scores, ["score"])


@app.command()
def sample(
    model: ModelFolder,
    out: OutFile,
    n: Annotated[int, typer.Option("-n", help="How many rows.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    device: Device = "auto",
) -> None:
    """Write new rows.

    Example: isthmus sample model/ -n 1000 --out new.csv
    """
    from . import files, load

    files.check_writable(out)
    estimator: Any = load(model, device=device)
    if not hasattr(estimator, "sample"):
        raise CompositionError(
            f"{model} holds a {type(estimator).__name__}, which has no prior to sample from; use a VAE or GAN"
        )
    rows = estimator.sample(n, random_state=seed)
    files.write(out, rows, _columns(estimator))


@app.command()
def report(
    model: ModelFolder,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Held-out rows: a name that `isthmus datasets` lists (its test rows; training rows and labels come "
            "with it), or a path. Without them the report holds what needs no data."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the page.")] = Path("report.html"),
    train: Annotated[
        str | None,
        typer.Option(help="The rows it was fitted on: for nearest rows, over-fitting, PCA beside it, and floors."),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="A column of the data (of text too), or a file with a label for each row.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
    device: Device = "auto",
) -> None:
    """Write one HTML file that works offline: is the model any good, and what does it look like?

    Example: isthmus report model/ digits -o report.html
    """
    from . import load
    from .report.page import check_page, command
    from .report.page import report as write_report

    check_page(out)
    if data is None and (train is not None or labels is not None):
        raise CompositionError("--train and --labels go with held-out rows: isthmus report MODEL DATA ...")
    estimator = load(model, device=device)
    held, held_labels, rows, row_labels = _report_data(estimator, data, train, labels)
    write_report(
        estimator,
        held,
        out,
        rows,
        labels=held_labels,
        train_labels=row_labels,
        data=data or "",
        command=command(str(model), data, str(out), train, labels, seed),
        random_state=seed,
    )
    print(f"report: {out}")


def _report_data(estimator: Any, data: str | None, train: str | None, labels: str | None) -> tuple[Any, Any, Any, Any]:
    """Return held-out rows and their labels, training rows and theirs; None for what there is not."""
    from . import datasets
    from .report.labels import apart, labels_of

    if data is None:
        return None, None, None, None
    held_labels = train_labels = rows = None
    if data in [known.name for known in datasets.available()]:
        found = datasets.load(data)
        table = _data(data, training=False)
        held_labels = None if labels else found.test_labels
        if train is None:
            rows, train_labels = _data(data, training=True), None if labels else found.train_labels
    elif labels is not None and labels not in (_columns(estimator) or []) and (split := apart(data, labels)):
        table, held_labels = split
        if train is not None and (train_split := apart(train, labels)):
            rows, train_labels = train_split
    else:
        table = _data(data, training=False)
        if labels is not None and labels in (table.columns or []):
            held_labels = table.values[:, (table.columns or []).index(labels)]
    if train is not None and rows is None:
        rows = _data(train, training=True)
    if labels is not None and held_labels is None:
        held_labels = labels_of(labels, len(table.values), table.columns)
    return _frame(table), held_labels, None if rows is None else _frame(rows), train_labels


@app.command()
def inspect(model: ModelFolder) -> None:
    """Show what is in a model's folder.

    Example: isthmus inspect model/
    """
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from .persistence import describe

    rich = RichTable(title=Text(str(model)), show_header=False)
    for name, value in describe(model).items():
        rich.add_row(name, Text(value))  # names of columns hold units in brackets, which are no markup
    Console().print(rich)


@app.command()
def diagnose(
    model: ModelFolder,
    data: Data,
    train: Annotated[
        str | None,
        typer.Option(
            help="The rows it was trained on, to judge over-fitting and memorised samples; a name brings its own."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    device: Device = "auto",
) -> None:
    """Say by held-out rows what is wrong with a model, what is healthy, and what to try.

    Example: isthmus diagnose model/ held-out.csv --train data.csv
    """
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    from . import datasets, load
    from .diagnosis import diagnose as judge
    from .diagnosis import worst_first

    estimator = load(model, device=device)
    if train is None and data in [known.name for known in datasets.available()]:
        train = data
    own = None if train is None else _frame(_data(train, training=True))
    verdicts = judge(estimator, _frame(_data(data, training=False)), own, random_state=seed)
    rich = RichTable(
        "about", "status", "what was found", "what to try", title=Text(f"{model}: {type(estimator).__name__}")
    )
    colours = {"fault": "bold red", "warning": "yellow", "healthy": "green"}
    for verdict in worst_first(verdicts):
        status = Text(verdict.status, style=colours[verdict.status])
        rich.add_row(verdict.about, status, Text(verdict.statement), Text(verdict.advice))
    Console().print(rich)


@app.command()
def compare(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the report, pictures, figures and models.")],
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            "-s",
            help="A system and its arguments, once for each: -s vae -s 'vae prior=vampprior:100'; by default all five.",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data, for each fit.")] = None,
    seconds: Annotated[float | None, typer.Option(help="A budget of time for each fit, instead of --epochs.")] = None,
    latent_dim: Annotated[int | None, typer.Option(help="Width of every code.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Fits of each system; figures come with their spread.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of everything random, the first if there are several.")] = 0,
    device: Device = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Take the fits that --out holds already from there.")
    ] = False,
    track: Track = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")] = False,
) -> None:
    """Fit systems under one budget, by default all five; print one leaderboard, write one report.

    A fifth of the rows of a file is held out.

    Example: isthmus compare digits --out out/ --seeds 3
    """
    _check_folder(out)
    from . import datasets
    from .compare import compare as run
    from .compare import held_out

    names = [known.name for known in datasets.available()]
    run(
        datasets.load(data) if data in names else held_out(data, _data(data, training=True).values, seed),
        out,
        systems=_systems(system) if system else None,
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


def _systems(given: list[str]) -> dict[str, Any]:
    """Return estimators by what was said of them: a system's name, then its arguments as ``name=value``."""
    systems: dict[str, Any] = {}
    for said in given:
        name, *settings = shlex.split(said)
        if said in systems:
            raise CompositionError(f"--system {said!r} is given twice; --seeds fits a system more than once")
        cls = _system(name)
        systems[said] = cls(**_settings(cls, settings, {}))
    return systems


@app.command(name="datasets")
def list_datasets() -> None:
    """List the data sets that have names, and whether they are here.

    Example: isthmus datasets
    """
    from rich.console import Console
    from rich.table import Table as RichTable

    from . import datasets

    rich = RichTable("name", "samples", "what", "here", caption="ISTHMUS_DATA names a folder to look in first")
    for known in datasets.available():
        rich.add_row(known.name, known.size, known.what, "yes" if known.here else "no")
    Console().print(rich)


@app.command(name="models")
def list_models() -> None:
    """List the systems, what each can do, and the parts that --set takes by name.

    Example: isthmus models
    """
    from dataclasses import MISSING, fields

    from rich.console import Console
    from rich.table import Column
    from rich.table import Table as RichTable

    from .parts import known

    systems = RichTable("system", "what", "can")
    for name in SYSTEMS:
        cls = _system(name)
        short = [alias for alias, full in ALIASES.items() if full == name]
        can = ", ".join(verb for verb, method in VERBS.items() if hasattr(cls, method))
        systems.add_row(", ".join([name, *short]), _summary(cls), can)
    parts = RichTable("argument", Column("part", overflow="fold"), "what")
    for kind in KINDS:
        named = [(n, p) for n, p in sorted(known(kind).items()) if all(f.default is not MISSING for f in fields(p))]
        for i, (name, part) in enumerate(named):
            given = ":".join([name, *(field.name for field in fields(part))])
            argument = {"critic_penalty": "penalties", "tracker": "training__trackers"}.get(kind, kind)
            parts.add_row(argument if i == 0 else "", given, _summary(part))
    console = Console()
    console.print(systems)
    console.print(parts)


def _summary(cls: type) -> str:
    from rich.markup import escape

    return escape(" ".join((cls.__doc__ or "").split("\n\n")[0].split()))
