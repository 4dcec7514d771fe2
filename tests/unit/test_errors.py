"""Errors that every room raises."""

import pytest

from tracker.errors import RequestIdReused, check_same_request


def test_a_request_number_belongs_to_one_action() -> None:
    check_same_request(is_same=True)

    with pytest.raises(RequestIdReused):
        check_same_request(is_same=False)
