"""Tests. ``tests/hospital.py`` holds the people and the instant they all share."""
