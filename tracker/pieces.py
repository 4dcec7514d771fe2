"""The pieces of markup that a list repeats hundreds of times: cells, badges, icons.

They belong to the visual language (docs/visual-language.md) and are used through ``templates/macros``. As Jinja macros
they took two thirds of the time of the stock page; everything that is said once per page stays a macro.
"""

from collections.abc import Callable

from flask import Flask
from markupsafe import Markup, escape

_Body = Callable[[], str]
_MISSING = '<span class="muted">—</span>'


def _kept(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - made here of our own markup and of escaped values


def row(*, caller: _Body) -> Markup:
    """Return one row around its cells."""
    return _kept(f'<tr role="row">{caller()}</tr>')


def row_head(value: object = None, kind: str = "text", *, caller: _Body | None = None) -> Markup:
    """Return the cell that names its row."""
    content = caller() if caller else escape(value)
    return _kept(f'<th scope="row" role="rowheader" class="cell-{kind}">{content}</th>')


def cell(label: str, value: object = None, kind: str = "text", *, caller: _Body | None = None) -> Markup:
    """Return any other cell: on a narrow screen ``label`` stands before it; a missing value is a dash."""
    if caller:
        content: str = caller()
    else:
        content = _MISSING if value is None or value == "" else escape(value)
    return _kept(f'<td role="cell" class="cell-{kind}" data-label="{escape(label)}"><span>{content}</span></td>')


def install(app: Flask, *, icon_address: Callable[[], str]) -> None:
    """Give an application's templates these pieces.

    Args:
        app: the application.
        icon_address: where the drawing of all icons is; asked within a request.
    """

    def icon(name: str, label: str | None = None, classes: str = "") -> Markup:
        drawn = f'<svg class="icon{" " if classes else ""}{escape(classes)}" viewBox="0 0 16 16" '
        spoken = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
        return _kept(f'{drawn}{spoken} focusable="false"><use href="{icon_address()}#{escape(name)}"/></svg>')

    def status_badge(tone: str, icon_name: str, word: str) -> Markup:
        return _kept(f'<span class="status status-{escape(tone)}">{icon(icon_name)}{escape(word)}</span>')

    app.jinja_env.globals.update(
        piece_row=row, piece_row_head=row_head, piece_cell=cell, piece_icon=icon, piece_status_badge=status_badge
    )
