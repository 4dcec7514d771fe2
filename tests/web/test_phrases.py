"""Texts of templates in both languages: translated once, filled in safely each time."""

import enum
from collections.abc import Iterable

import pytest
from flask import Flask, g, render_template_string
from flask_babel import force_locale

from tests.hospital import HOSPITAL_A
from tracker.actor import system_actor
from tracker.derogations.rules import DerogationStatus
from tracker.devices.rules import UnitState
from tracker.outbox.rules import MessageState


def said(app: Flask, template: str, locale: str, **values: object) -> str:
    with app.test_request_context(), force_locale(locale):
        g.pop("phrases", None)
        return render_template_string(template, **values)


def test_each_language_keeps_its_own_texts(app: Flask) -> None:
    template = "{{ pgettext('unit', 'Released') }}"

    assert [said(app, template, code) for code in ("fr", "en", "fr")] == ["Libéré", "Released", "Libéré"]


def test_values_are_escaped_in_a_page(app: Flask) -> None:
    shown = said(app, "{{ _('Lot %(lot)s', lot=lot) }}", "en", lot="<b>")

    assert shown == "Lot &lt;b&gt;"


def test_a_text_may_have_a_value_of_any_name(app: Flask) -> None:
    assert said(app, "{{ _('Read: %(text)s', text='A1') }}", "en") == "Read: A1"
    assert said(app, "{{ pgettext('x', '%(context)s %(text)s', context=1, text=2) }}", "en") == "1 2"


def test_a_percent_sign_is_written_once_with_values_and_without(app: Flask) -> None:
    assert said(app, "{{ _('5 %%') }}", "en") == "5 %"
    assert said(app, "{{ _('%(n)s %%', n=5) }}", "en") == "5 %"


def test_a_value_that_is_missing_is_a_defect_and_not_a_silent_gap(app: Flask) -> None:
    with pytest.raises(KeyError):
        said(app, "{{ _('Lot %(lot)s') }}", "en")


@pytest.mark.parametrize(
    ("macro", "codes"),
    [("unit_state", UnitState), ("derogation_status", DerogationStatus), ("message_state", MessageState)],
    ids=["unit", "derogation", "message"],
)
def test_every_state_has_a_word_and_is_not_shown_as_its_code(
    app: Flask, macro: str, codes: Iterable[enum.StrEnum]
) -> None:
    template = f"{{% from 'macros/status.html' import {macro} %}}{{{{ {macro}(code) }}}}"

    shown = {code.value: said(app, template, "fr", code=code.value) for code in codes}

    assert [code for code, word in shown.items() if f"{code}<" in word] == []


def test_the_program_itself_is_named_in_the_readers_language_and_people_by_their_names(app: Flask) -> None:
    template = "{{ name|person }}"
    system = system_actor(HOSPITAL_A).display_name

    assert [said(app, template, code, name=system) for code in ("fr", "en")] == ["système", "system"]
    assert said(app, template, "fr", name="Alice <b>") == "Alice &lt;b&gt;"
    assert said(app, template, "fr", name=None) == ""
