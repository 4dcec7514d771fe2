"""Which decisions stop units, and for how long after one the shelves are looked at again. Pure."""

from datetime import timedelta

from tracker.derogations.rules import DecisionKind, DerogationStatus

STOPS = frozenset({DerogationStatus.SUSPENDED, DerogationStatus.WITHDRAWN})
"""ANSM may suspend, withdraw, and lift an authorisation without delay (domain reference 1.4): then no unit may be used.

A derogation that has simply ended sets no hold: the gate and goods-in refuse by its date, and an extension may follow.
"""

STOPPING_KINDS = (DecisionKind.SUSPENDED, DecisionKind.WITHDRAWN, DecisionKind.REINSTATED)
"""The decisions that the effects page records."""

SETTLING = timedelta(minutes=15)
"""So long after a decision a delivery that was being received meanwhile may still bring a unit in."""
