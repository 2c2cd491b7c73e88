"""Growth is told from noise."""

from __future__ import annotations

import random

import pytest

from tests.support.growth import growth


def noisy(level, per_reading=0.0, count=40, noise=0.03, outliers=0):
    chance = random.Random(1)
    values = [level + per_reading * at + chance.gauss(0, noise * level) for at in range(count)]
    for at in chance.sample(range(count), outliers):
        values[at] *= 3
    return values


@pytest.mark.parametrize("outliers", [0, 4])
def test_noise_is_no_growth(outliers):
    assert abs(growth(noisy(100, outliers=outliers))) < 0.08


@pytest.mark.parametrize("outliers", [0, 4])
def test_a_slow_rise_is_found_whatever_single_readings_say(outliers):
    assert growth(noisy(100, per_reading=0.5, outliers=outliers)) > 0.12


def test_a_step_is_growth_however_late():
    assert growth([100.0] * 30 + [130.0] * 10) >= 0.3


def test_what_has_filled_up_has_grown_by_what_it_holds_and_no_more():
    filling = [100 + min(8, at) for at in range(40)]
    assert 0 < growth(filling) < 0.08
    assert growth([100 + at / 2 for at in range(40)]) > 0.19


def test_what_shrinks_has_not_grown():
    assert growth(noisy(100, per_reading=-1)) < 0


def test_a_handful_of_readings_is_enough():
    assert growth([141.7, 143.3, 144.4, 144.5, 143.4, 144.0, 144.6]) < 0.02
    assert growth([141.7, 153.3, 164.4, 174.5, 183.4, 194.0, 204.6]) > 0.35
