"""The remaining time follows the recent pace, and never promises what does not come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlens.jobs.remaining import WINDOW, Remaining


def after(reports, now):
    remaining = Remaining()
    for time, share in reports:
        remaining.report(time, share)
    return remaining.seconds(now)


def test_nobody_knows_before_there_is_progress():
    assert after([], 5) is None
    assert after([(0, 0.0)], 5) is None
    assert after([(0, 0.0), (1, 0.0)], 5) is None
    assert after([(0, 0.0), (0.1, 0.5)], 0.2) is None


@given(st.floats(0.1, 1000), st.floats(0.05, 0.95))
def test_at_a_steady_pace_it_is_right(total, share):
    reports = [(total * share * step / 10, share * step / 10) for step in range(11)]
    seconds = after(reports, total * share)
    assert seconds is None or seconds == pytest.approx(total * (1 - share), rel=1e-6)


def test_only_the_recent_pace_counts():
    slow = [(float(t), t / 1000) for t in range(100)]
    fast = [(100 + t, 0.1 + t / 100) for t in range(30)]
    assert after(slow + fast, 129) == pytest.approx((1 - 0.39) * 100, rel=0.1)


def test_what_stands_still_takes_ever_longer():
    reports = [(0, 0.0), (1, 0.5)]
    assert after(reports, 1) == pytest.approx(1)
    assert after(reports, 10) == pytest.approx(10)
    assert after(reports, 100 + WINDOW) > 100


def test_another_step_that_counts_anew_starts_afresh():
    assert after([(0, 0.0), (5, 0.9), (6, 0.1)], 6) is None
    assert after([(0, 0.0), (5, 0.9), (6, 0.1), (7, 0.2)], 7) == pytest.approx(8)


def test_what_is_done_takes_no_time():
    assert after([(0, 0.0), (5, 1.0)], 6) == 0
