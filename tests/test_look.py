"""How rows are seen: pictures with their channels first or last, the slices of volumes, the channels of series."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import VAE
from isthmus.look import Images, Series, look_of
from isthmus.networks import MLP
from isthmus.report.content import Content
from isthmus.report.drawings import interpolations, latent_map, reconstructions, samples, scores, traversals
from isthmus.report.pictures import Chart, Strip


def test_channels_last_are_the_picture_that_channels_first_are(rng):
    first = rng.integers(0, 256, (20, 3, 16, 12), dtype=np.uint8)
    last = np.moveaxis(first, 1, -1)
    one, other = look_of(first), look_of(last)
    assert type(one) is type(other) is Images
    np.testing.assert_array_equal(one.tiles(one.shades(first)), other.tiles(other.shades(last)))
    np.testing.assert_array_equal(other.tiles(last), last)
    np.testing.assert_array_equal(one.planes(first), other.planes(last))
    assert one.note == other.note == ""
    grey = look_of(last[..., :1])
    np.testing.assert_array_equal(grey.tiles(last[..., :1]), last[..., 0])


def test_many_channels_stand_side_by_side_each_on_its_own_scale(rng):
    X = rng.normal(size=(30, 6, 16, 16)) * 10.0 ** np.arange(6)[:, None, None]
    look = look_of(X)
    assert type(look) is Images
    assert not look.one_unit
    tiles = look.tiles(look.shades(X))
    assert tiles.shape == (30, 16, 4 * 16 + 3)
    np.testing.assert_array_equal(tiles[:, :, 17:33], look.shades(X)[:, look.channels_shown[1]])
    assert tiles[:, :, :16].min() == 0
    assert tiles[:, :, -16:].max() == 1
    assert "Of the 6 channels of each picture" in look.note


@pytest.mark.parametrize("shape", [(6, 8, 7), (1, 6, 8, 7), (6, 8, 7, 1)], ids=str)
def test_a_volume_is_seen_by_its_middle_slices(shape, rng):
    X = rng.normal(size=(5, *shape))
    volume, look = X.reshape(5, 6, 8, 7), look_of(X)
    tiles = look.tiles(X)
    assert tiles.shape == (5, 8, 7 + 1 + 7 + 1 + 8)
    np.testing.assert_array_equal(tiles[:, :, :7], volume[:, 3])
    np.testing.assert_array_equal(tiles[:, :6, 8:15], volume[:, :, 4])
    np.testing.assert_array_equal(tiles[:, :6, 16:], volume[:, :, :, 3])
    assert (tiles[:, 6:, 8:] == 0).all()


def test_each_channel_of_a_series_is_a_curve_in_its_own_units(rng):
    last = rng.normal(size=(30, 50, 2)) * [1, 1000] + [0, 5000]
    look, first = look_of(last), look_of(np.moveaxis(last, 1, 2))
    assert type(look) is type(first) is Series
    np.testing.assert_array_equal(look.curves(last), np.moveaxis(last, 1, 2))
    np.testing.assert_array_equal(first.curves(np.moveaxis(last, 1, 2)), look.curves(last))
    assert look.unit_name == "standard deviations of each channel"
    assert look_of(np.cumsum(rng.normal(size=(50, 100)), axis=1)).curves(np.ones((3, 100))).shape == (3, 1, 100)


def test_a_report_draws_what_is_there(rng):
    """Pictures with their channels last and volumes as tiles, a chart for each channel of a series."""
    for shape, panel in (((12, 12, 3), Strip), ((6, 7, 8), Strip), ((40, 2), Chart)):
        X = rng.normal(size=(60, *shape)).cumsum(1)
        model = VAE(2, network=MLP((4,)), max_epochs=1, random_state=0).fit(X)
        content = Content(model, X[:30], X[30:])
        for draw in (reconstructions, traversals, interpolations, samples):
            panels = draw(content).groups[0].panels
            assert {type(each) for each in panels} == {panel}, (shape, draw.__name__)
            if panel is Chart:
                assert len(panels) % 2 == 0
                assert all("channel 0" in each.title for each in panels[::2])
                assert all("channel 1" in each.title for each in panels[1::2])
                assert all(len(mark.y) == 40 for each in panels for mark in each.marks)
                assert panels[0].y != panels[1].y
        assert scores(content).groups[1].panels
        [chart] = latent_map(content).groups[0].panels
        behind = chart.map_data["behind"]
        assert np.shape(behind["curves"]) == (30, 2, 40) if panel is Chart else behind["aspect"] > 0
