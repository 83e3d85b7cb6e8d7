"""How shares are written for people: never better than they are."""

from __future__ import annotations

import pytest

from saasobs.core.objective import budget_percent, percent


@pytest.mark.parametrize(
    ("share", "text"),
    [(1, "100.000"), (1439 / 1440, "99.931"), (1 - 1 / 525_600, "99.999"), (0.5, "50.000"), (0, "0.000")],
)
def test_only_all_of_it_is_a_hundred(share: float, text: str) -> None:
    """One failure in a year of checks is no 100.000 %."""
    assert percent(share) == text


@pytest.mark.parametrize(
    ("left", "text"),
    [(1, "100"), (0.999, "99"), (0.31, "31"), (0.29, "29"), (0.004, "<1"), (0, "0"), (-0.004, "-1"), (-9, "-900")],
)
def test_a_budget_is_never_flattered(left: float, text: str) -> None:
    """Rounded down; what is overspent is below zero, and what is not quite spent is no zero."""
    assert budget_percent(left) == text
