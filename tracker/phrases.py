"""Texts of templates, translated once per language: a list says the same dozen words hundreds of times.

Jinja's own way asks the catalogue, and formats and escapes the answer, for every cell of every row; on the stock page
that was a third of the time. Texts with values are still formatted each time.
"""

from dataclasses import dataclass

from flask import Flask, g
from flask_babel import get_locale, gettext, pgettext
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from tracker.actor import SYSTEM_NAME


@dataclass(frozen=True, slots=True)
class _Phrase:
    """One text in one language."""

    text: str
    plain: str | None
    """With nothing to fill in; None where values are missing without which it cannot be said."""
    markup: Markup | None

    def fill(self, values: dict[str, object], *, is_markup: bool) -> str:
        if not values:
            finished = self.markup if is_markup else self.plain
            if finished is not None:
                return finished
        return (Markup(self.text) if is_markup else self.text) % values  # noqa: S704 - texts are ours, values are escaped


class _Language(dict[tuple[str, ...], _Phrase]):
    """The texts of one language, each translated when it is first said."""

    def __missing__(self, key: tuple[str, ...]) -> _Phrase:
        text: str = gettext(*key) if len(key) == 1 else pgettext(*key)
        phrase = self[key] = _Phrase(text, *_finished(text))
        return phrase


def _finished(text: str) -> tuple[str | None, Markup | None]:
    try:
        plain = text % {}
    except KeyError:
        return None, None
    return plain, Markup(plain)  # noqa: S704 - texts of templates are ours and may hold markup


_languages: dict[str, _Language] = {}


def _language() -> _Language:
    found: _Language | None = g.get("phrases")
    if found is None:
        found = g.phrases = _languages.setdefault(str(get_locale()), _Language())
    return found


@pass_eval_context
def _translate(evaluation: EvalContext, text: str, /, **values: object) -> str:
    return _language()[text,].fill(values, is_markup=evaluation.autoescape)


@pass_eval_context
def _translate_in_context(evaluation: EvalContext, context: str, text: str, /, **values: object) -> str:
    return _language()[context, text].fill(values, is_markup=evaluation.autoescape)


def install(app: Flask) -> None:
    """Give an application's templates these texts; after Flask-Babel, whose others stay."""
    app.jinja_env.globals.update(_=_translate, gettext=_translate, pgettext=_translate_in_context)
    app.jinja_env.filters["person"] = person


def person(name: str | None) -> str:
    """Return who did something as the reader says it: a person's name, or the word for the program itself."""
    return _language()[name,].text if name == SYSTEM_NAME else name or ""
