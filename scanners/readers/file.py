"""Read any file that a person drops: a picture or a PDF, told by its content and not by its name."""

from scanners.readers.image import read_image
from scanners.readers.pdf import read_pdf
from scanners.readers.reading import ImageReading, Limits

# ISO 32000-1, annex H: readers look for the header in the first 1024 bytes.
_HEADER_WITHIN = 1024


def read_file(data: bytes, *, limits: Limits | None = None) -> ImageReading:
    """Return the symbols of a picture or a PDF."""
    if b"%PDF-" in data[:_HEADER_WITHIN]:
        return read_pdf(data, limits=limits)
    return read_image(data, limits=limits)
