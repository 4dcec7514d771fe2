"""Cells, badges and icons escape what they are given and say what is missing."""

import pytest
from flask import Flask, render_template_string
from markupsafe import Markup

from tracker import pieces

HOSTILE = '<script>alert("1")</script>'
ESCAPED = "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;"


@pytest.fixture
def app() -> Flask:
    made = Flask("pieces")
    pieces.install(made, icon_address=lambda: "/icons.svg")
    return made


@pytest.mark.parametrize(
    "template",
    [
        "{{ piece_cell(value) }}",
        "{{ piece_cell('Lot', value) }}",
        "{{ piece_row_head(value) }}",
        "{{ piece_icon(value) }}",
        "{{ piece_icon('x', value) }}",
        "{{ piece_icon('x', none, value) }}",
        "{{ piece_status_badge(value, 'x', 'word') }}",
        "{{ piece_status_badge('neutral', 'x', value) }}",
        "{% call piece_row() %}{% call piece_cell('Lot') %}{{ value }}{% endcall %}{% endcall %}",
    ],
)
def test_every_piece_escapes_what_it_is_given(app: Flask, template: str) -> None:
    with app.app_context():
        drawn = render_template_string(template, value=HOSTILE)

    assert HOSTILE not in drawn
    assert ESCAPED in drawn


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_value_is_a_dash_and_nought_is_not_missing(value: str | None) -> None:
    assert "—" in pieces.cell("Lot", value)
    assert ">0<" in pieces.cell("Units", 0)


def test_an_icon_without_a_name_is_hidden_from_those_who_listen(app: Flask) -> None:
    with app.app_context():
        hidden = render_template_string("{{ piece_icon('x') }}")
        named = render_template_string("{{ piece_icon('x', 'Blocked') }}")

    assert 'aria-hidden="true"' in hidden
    assert 'role="img" aria-label="Blocked"' in named


def test_markup_that_is_already_safe_stays_as_it_is() -> None:
    assert "<b>1</b>" in pieces.cell("Lot", Markup("<b>1</b>"))
