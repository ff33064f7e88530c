"""What the axes of a sample are taken for, and what that decides: units, networks, noise."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

import isthmus
from isthmus import VAE, Autoencoder, DenoisingAutoencoder
from isthmus.errors import CompositionError
from isthmus.layout import Layout, layout_of, unit_axis
from isthmus.look import look_of
from isthmus.networks import MLP, Conv, UNet
from isthmus.scaling import Scaling

UNITS = {"Pa": (101325.0, 500.0), "°C": (20.0, 2.0), "m/s": (0.0, 8.0), "A": (0.002, 1e-4)}
"""Mean and standard deviation of what four sensors measure."""


def windows(length: int, channels: int, rows: int = 300) -> np.ndarray:
    """Windows of sensors in units of their own, (N, length, channels)."""
    rng = np.random.default_rng(0)
    t = np.arange(rows + length)
    signals = []
    for i in range(channels):
        mean, std = list(UNITS.values())[i % len(UNITS)]
        wave = np.sqrt(2) * np.sin(t / (3 + i) + i)
        signals.append(mean + std * (0.95 * wave + 0.3 * rng.normal(size=len(t))))
    series = np.stack(signals, 1)
    return np.lib.stride_tricks.sliding_window_view(series, length, axis=0)[:rows].transpose(0, 2, 1)


def moments(X: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    X = np.asarray(X, dtype=np.float64)
    return torch.tensor(X.mean(0)), torch.tensor(X.std(0))


@pytest.mark.parametrize("shape", [(32, 2), (100, 4), (24, 8), (20, 12), (16, 16), (12, 20)], ids=str)
@pytest.mark.parametrize("first", [True, False], ids=["channels first", "channels last"])
def test_windows_have_a_unit_a_channel_wherever_their_channels_are(shape, first):
    X = windows(*shape)
    X = X.transpose(0, 2, 1) if first else X
    mean, std = moments(X)
    layout = layout_of(X.shape[1:], mean, std)
    assert (layout.kind, layout.channel_axis) == ("series", 0 if first else 1)
    units = Scaling.standard(mean, std)
    z = units(torch.tensor(X), torch.float64)
    assert units.scale.numel() == shape[1]
    along = (0, 2) if first else (0, 1)
    torch.testing.assert_close(z.mean(along), torch.zeros(shape[1], dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(z.std(along, correction=0), torch.ones(shape[1], dtype=torch.float64))
    torch.testing.assert_close(units.inverse(z), torch.tensor(X))


def test_a_sensor_that_does_not_move_leaves_the_others_their_units():
    X = windows(24, 8).copy()
    X[..., 3] = 7.0
    assert unit_axis(*moments(X)) == 1


def test_a_density_of_windows_is_that_of_their_flat_rows_in_the_same_units():
    """The volume of the units counts a channel's scale once for each of its values."""
    X = windows(32, 2)
    units = Scaling.standard(*moments(X))
    assert float(units.log_volume()) == pytest.approx(float(units.scale.expand(32, 2).log().sum()))


def _shaded(rng: np.random.Generator) -> np.ndarray:
    """Pictures that are darker and flatter towards the bottom, as a sky above ground is."""
    return rng.normal(size=(200, 24, 24)).cumsum(2) * np.linspace(1, 0.3, 24)[:, None] + np.linspace(40, 0, 24)[:, None]


PICTURES = {
    "digits": lambda rng: load_digits().images,
    "digits in noise": lambda rng: load_digits().images + 0.01 * rng.normal(size=(1797, 8, 8)),
    "shaded": _shaded,
    "noise": lambda rng: rng.normal(size=(50, 12, 20)),
    "smooth": lambda rng: rng.normal(size=(50, 20, 20)).cumsum(1).cumsum(2),
    "red": lambda rng: rng.uniform(size=(50, 3, 16, 16)) * np.array([1, 0.5, 0.3])[:, None, None],
    "red, channels last": lambda rng: rng.uniform(size=(50, 16, 16, 3)) * [1, 0.5, 0.3],
}


@pytest.mark.parametrize("name", PICTURES)
def test_pixels_share_one_unit(name, rng):
    mean, std = moments(PICTURES[name](rng))
    assert layout_of(tuple(mean.shape), mean, std).kind == "picture"
    assert unit_axis(mean, std) is None
    assert Scaling.standard(mean, std).scale.shape == ()


@pytest.mark.parametrize(("shape", "axis"), [((7, 20, 20), 0), ((20, 20, 7), 2), ((3, 16, 16), 0), ((16, 16, 3), 2)])
def test_fields_of_several_quantities_have_a_unit_each(shape, axis, rng):
    scale = 10.0 ** np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(3)])
    assert unit_axis(*moments(rng.normal(size=(50, *shape)) * scale)) == axis


def test_every_sensor_comes_back_as_well_as_from_flat_rows():
    X = windows(32, 2, 1200)
    lost = {}
    for name, given in (("windows", X), ("flat", X.reshape(len(X), -1))):
        model = Autoencoder(8, network=MLP((64,)), max_epochs=15, batch_size=64, random_state=0).fit(given[:900])
        back = model.reconstruct(given[900:]).reshape(-1, 32, 2)
        lost[name] = ((back - X[900:]) ** 2).mean((0, 1)) / X[900:].var((0, 1))
    assert (lost["windows"] < 0.2).all()
    np.testing.assert_allclose(lost["windows"], lost["flat"], atol=0.05)


@pytest.mark.parametrize("shape", [(40, 64), (40, 2, 64), (40, 64, 2), (40, 17, 16, 3), (40, 8, 9, 10)], ids=str)
def test_convolutions_give_every_layout_back_as_it_came(shape, rng, tmp_path):
    """Also the units of a channel are found again in a model's folder."""
    X = rng.normal(size=shape).cumsum(1)
    model = VAE(3, network=Conv((4, 8)), max_epochs=2, random_state=0).fit(X)
    assert model.reconstruct(X).shape == shape
    assert model.sample(5, random_state=0).shape == (5, *shape[1:])
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m").reconstruct(X), model.reconstruct(X))


def test_auto_takes_convolutions_for_pictures_whose_channels_come_last(rng):
    X = rng.uniform(size=(20, 28, 28, 3)).astype(np.float32)
    model = Autoencoder(4, max_epochs=1, random_state=0).fit(X)
    assert isinstance(model.network_, Conv)
    assert model.reconstruct(X).shape == X.shape


def test_a_denoiser_of_series_keeps_every_position():
    X = windows(40, 12, 60)  # of a shape that could be a picture's, but for its units
    model = DenoisingAutoencoder(max_epochs=1, random_state=0).fit(X)
    assert model.network_ == UNet(layout="LC")
    assert model.latent_dim_ == 2 * 40
    assert model.reconstruct(X).shape == X.shape


def test_noise_of_windows_is_a_share_of_each_channel():
    X = windows(32, 2)
    noisy = DenoisingAutoencoder(2, network=MLP((8,)), max_epochs=1, random_state=0).fit(X).corrupt(X)
    np.testing.assert_allclose((noisy - X).std((0, 1)), 0.3 * X.std((0, 1)), rtol=0.1)


@pytest.mark.parametrize("shape", [(64, 2), (6, 7, 8), (16, 16, 3), (2, 5, 6, 7)], ids=str)
@pytest.mark.parametrize("network", [MLP((8,)), Conv((4,))], ids=["mlp", "conv"])
def test_every_layout_has_a_report(shape, network, rng, tmp_path):
    X = rng.normal(size=(60, *shape)).cumsum(1)
    model = VAE(2, network=network, max_epochs=1, random_state=0).fit(X[:30])
    assert "</html>" in model.report(X[30:], tmp_path / "report.html", X[:30]).read_text()


def test_what_errors_are_divided_by_in_a_report_is_a_channels_own_spread():
    X = windows(32, 2)
    unit = look_of(X).unit
    np.testing.assert_allclose(unit, np.broadcast_to(X.std((0, 1)), (32, 2)))


def test_a_layout_that_does_not_suit_is_refused(rng):
    assert Layout("CL").kind == "series"
    with pytest.raises(CompositionError, match=r"layout='CL' does not suit samples of shape \(3, 8, 8\)"):
        Autoencoder(2, network=Conv(layout="CL"), max_epochs=1).fit(rng.normal(size=(20, 3, 8, 8)))


def test_a_picture_too_thin_for_one_now_is_still_read_from_a_folder_of_the_first_format(rng, tmp_path):
    """That format had no layouts: two axes were a picture's, three a picture's with its channels in front."""
    X = rng.normal(size=(30, 40, 4))
    network = Conv((4,), layout="HW")
    model = Autoencoder(2, network=network, scaling="none", likelihood="gaussian", max_epochs=1, random_state=0).fit(X)
    model.save(tmp_path / "m")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config |= {"format": 1, "sha256": None, "history": list(model.history_)}
    for place, name in (("arguments", "network"), ("resolved", "network_")):
        del config[place][name]["layout"]
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    tensors = load_file(tmp_path / "m" / "model.safetensors")
    first = {name.replace("model.networks.", "model."): tensor for name, tensor in tensors.items()}
    save_file(first, tmp_path / "m" / "model.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "m").reconstruct(X), model.reconstruct(X))
