"""Files and folders are whole or not there: whoever fails, is killed, or writes at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import isthmus
from isthmus import VAE, Autoencoder, Training
from isthmus.atomic import atomic_file, atomic_folder, remove_abandoned
from isthmus.errors import DataError, FitError, ModelFileError
from isthmus.files import write

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, signals and limits of POSIX")


@pytest.fixture(scope="module")
def model():
    return Autoencoder(2, max_epochs=1, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 4)))


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def killed(code: str, *arguments: object) -> None:
    """Run code that kills its own process."""
    done = subprocess.run([sys.executable, "-c", f"import os\n{code}", *map(str, arguments)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@posix
def test_what_is_written_has_the_permissions_that_the_umask_gives(model, tmp_path, umask):
    model.save(tmp_path / "m")
    write(tmp_path / "x.npy", np.zeros(3))
    write(tmp_path / "pictures", np.zeros((2, 4, 4)))
    checkpoint = Training(checkpoint=str(tmp_path / "c"))
    Autoencoder(2, max_epochs=1, training=checkpoint).fit(np.random.default_rng(0).normal(size=(60, 4)))
    for place in tmp_path.rglob("*"):
        assert oct(place.stat().st_mode & 0o777) == oct(0o750 if place.is_dir() else 0o640), place


@posix
def test_a_file_that_is_replaced_keeps_its_permissions_and_its_link(tmp_path):
    write(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").chmod(0o600)
    (tmp_path / "link.npy").symlink_to("x.npy")
    write(tmp_path / "link.npy", np.ones(3))
    assert (tmp_path / "link.npy").is_symlink()
    assert np.load(tmp_path / "x.npy").tolist() == [1, 1, 1]
    assert (tmp_path / "x.npy").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt(), DataError("misread")], ids=repr)
def test_what_fails_leaves_what_was_there(tmp_path, error):
    (tmp_path / "file").write_text("before")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_text("before")

    def fail_in_a_file():
        with atomic_file(tmp_path / "file", ModelFileError) as draft:
            draft.write_text("half")
            raise error

    def fail_in_a_folder():
        with atomic_folder(tmp_path / "folder", ModelFileError) as draft:
            (draft / "inside").write_text("half")
            raise error

    for fail in (fail_in_a_file, fail_in_a_folder):
        with pytest.raises((ModelFileError, type(error))):
            fail()
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "inside").read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


@posix
@pytest.mark.parametrize("what", ["model", "model that was there", "checkpoint", "array", "pictures"])
def test_a_full_disk_is_one_line_and_leaves_nothing(what, tmp_path):
    code = """
import resource, signal, sys, numpy as np
from pathlib import Path
from isthmus import VAE, Training
from isthmus.errors import IsthmusError
from isthmus.files import write
place, what = Path(sys.argv[1]), sys.argv[2]
X = np.random.default_rng(0).normal(size=(60, 8))
model = VAE(2, max_epochs=1).fit(X)
if what == "model that was there":
    model.save(place / "m")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    if what == "checkpoint":
        VAE(2, max_epochs=1, training=Training(checkpoint=str(place / "c"))).fit(X)
    elif what == "array":
        write(place / "x.npy", X)
    elif what == "pictures":
        write(place / "x", np.random.default_rng(0).random((2, 64, 64)))
    else:
        model.save(place / "m")
except IsthmusError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path), what], capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert "cannot be written" in done.stdout
    assert "too large" in done.stdout
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")}
    if what == "model that was there":
        assert isthmus.load(tmp_path / "m").sample(3).shape == (3, 8)
        assert {name.partition("/")[0] for name in left} == {"m"}
    else:
        assert left <= {"c"}


def test_a_model_is_saved_into_the_folder_one_stands_in(model, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for place in (".", "../here", tmp_path / "here"):
        model.save(place)
        assert sorted(os.listdir()) == ["README.md", "config.json", "history.jsonl", "model.safetensors"], place
    assert os.listdir("..") == ["here"]
    assert isthmus.load(".").history_ == model.history_
    (tmp_path / "here" / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "here" / "inside")
    model.save("..")
    assert sorted(os.listdir("..")) == ["README.md", "config.json", "history.jsonl", "inside", "model.safetensors"]


@posix
def test_the_draft_of_a_process_that_was_killed_goes_and_that_of_a_living_one_stays(tmp_path):
    code = "import sys, signal\nfrom isthmus.atomic import *\nfrom isthmus.errors import DataError\n"
    for kind in (atomic_file, atomic_folder):
        begin = f"{kind.__name__}(sys.argv[1], DataError)"
        killed(f"{code}with {begin}: os.kill(os.getpid(), signal.SIGKILL)", tmp_path / "x")
    assert len(list(tmp_path.iterdir())) == 1, "the second one cleared away after the first"
    wait = f"{code}with atomic_file(sys.argv[1], DataError) as draft: print(draft.name, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", wait, tmp_path / "x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        living = other.stdout.readline().strip()
        (tmp_path / ".x~notes").write_text("mine")
        with atomic_file(tmp_path / "x", DataError) as draft:
            draft.write_text("this process")
        assert {p.name for p in tmp_path.iterdir()} == {"x", ".x~notes", living}
        other.communicate("\n")
    assert other.returncode == 0
    assert {p.name for p in tmp_path.iterdir()} == {"x", ".x~notes"}
    assert (tmp_path / "x").read_text() == "", "the one that ended last won"


def test_a_draft_of_another_machine_goes_when_it_is_a_day_old(tmp_path):
    for age in (0, 3600, 100_000):
        draft = tmp_path / f".x~00000000-1-{age:08d}-0"
        draft.write_text("half")
        os.utime(draft, (draft.stat().st_mtime - age,) * 2)
    remove_abandoned(tmp_path, ".x~")
    assert sorted(p.name[-6:-2] for p in tmp_path.iterdir()) == ["0000", "3600"]


@posix
def test_processes_that_save_to_one_place_at_once_all_succeed(model, tmp_path):
    model.save(tmp_path / "seed")
    code = "import sys, isthmus\nm = isthmus.load(sys.argv[1])\nfor _ in range(25): m.save(sys.argv[2])"
    command = [sys.executable, "-c", code, tmp_path / "seed", tmp_path / "m"]
    for process in [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]:
        assert (process.communicate()[1], process.returncode) == ("", 0)
    assert sorted(os.listdir(tmp_path)) == ["m", "seed"]
    assert isthmus.load(tmp_path / "m").history_ == model.history_


def test_a_fit_leaves_the_draft_that_another_is_writing(tmp_path):
    foreign = tmp_path / ".step-000000000999.safetensors.12345"
    foreign.write_bytes(b"another program is writing this")
    training = Training(checkpoint=str(tmp_path), resume=True)
    VAE(2, max_epochs=2, training=training).fit(np.random.default_rng(0).normal(size=(60, 4)))
    assert foreign.exists()


def test_what_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "x"
    with pytest.raises(FitError, match=r"x: cannot be written: Not a directory$"), atomic_file(place, FitError):
        pass
