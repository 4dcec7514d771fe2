"""The page of the barcodes to try, and each as a picture."""

from flask import Blueprint, make_response, render_template
from flask_babel import get_locale
from werkzeug.wrappers import Response

from tracker import clock, http
from tracker.actor import Permission
from tracker.errors import N_, NotFound
from tracker.samples.documents import Barcode, barcode_png, barcode_svg, barcodes_on

bp = Blueprint("samples", __name__, template_folder="templates")


class BarcodesMissing(NotFound):
    """Only the demonstration has barcodes to scan from the screen."""

    code = "barcodes-missing"


@bp.get("/demonstration/barcodes")
@http.requires(Permission.UNIT_CHECK)
def show() -> Response:
    """Show barcodes to scan from the screen; the demonstration only."""
    page = render_template(
        "samples/show.html",
        barcodes=[(barcode, barcode_svg(barcode)) for barcode in _barcodes()],
        language=str(get_locale()),
        may_receive=http.current_actor().can(Permission.RECEPTION_WRITE),
    )
    return make_response(page)


@bp.get("/demonstration/barcodes/<key>.png")
@http.requires(Permission.UNIT_CHECK)
def show_image(key: str) -> Response:
    """Answer one barcode as a picture, to try the photo with.

    Raises:
        BarcodesMissing: there is none of this name.
    """
    wanted = next((barcode for barcode in _barcodes() if barcode.key == key), None)
    if wanted is None:
        raise BarcodesMissing(N_("There is no such barcode."))
    answer = make_response(barcode_png(wanted))
    answer.content_type = "image/png"
    return answer


def _barcodes() -> tuple[Barcode, ...]:
    found = barcodes_on(http.web().values.get("demonstration_barcodes", ()), clock.paris_day(clock.utc_now()))
    if not found:
        raise BarcodesMissing(N_("Only the demonstration has barcodes to scan from the screen."))
    return found
