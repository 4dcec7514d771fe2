"""Read the words of a saved page, a PDF or a text: one plain text, whatever they came in.

In the text an empty line parts paragraphs, a form feed pages, a tabulation the cells of a table's row. What repeats at
the edge of pages is left out, words cut at the end of a line are whole, and spaces, apostrophes and ligatures are those
of a keyboard.
"""

import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator

import pypdfium2
from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from scanners.readers.reading import Unreadable

MAX_BYTES = 20 * 1024 * 1024
MAX_PAGES = 2000

_PDF_HEAD = 1024
# readers accept a PDF whose header stands within the first 1024 bytes (ISO 32000-1, annex H, implementation note 13)
_FPDF_ERR_PASSWORD = 4
_FPDF_ERR_SECURITY = 5
_MARKUP = re.compile(r"<!doctype html|<html|<body|<(h[1-6]|p|div|table|section|article)[\s>]", re.IGNORECASE)
_MARKUP_HEAD = 20_000
_PARAGRAPH_PITCH = 1.45
# distance of two lines, in heights of a line: 1.0 to 1.3 inside a paragraph as pages are set, 1.6 and more between two
_SIZE_CHANGE = 1.12
_EDGE_LINES = 3
_EDGE_SHARE = 0.6
_PAGE_NUMBER = re.compile(r"[-–— ]*(\d{1,4})(?:\s*(?:/|sur|of|de)\s*\d{1,4})?[-–— ]*", re.IGNORECASE)
_PAGE_LINE = re.compile(r"\W*page\W*\d{1,4}(?:\s*(?:/|sur|of|de)\s*\d{1,4})?\W*", re.IGNORECASE)
_SILENT = ("head", "nav", "noscript", "script", "style", "svg", "template")
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body button caption dd details div dl dt fieldset figcaption figure footer"
        " form h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody tfoot thead ul",
    )
)
_HOLDS_BLOCKS = ["table", "h1", "h2", "h3", "h4", "h5", "h6"]
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\u0060\u2032", "'"),
        **dict.fromkeys("\u00a0\u2007\u202f\u2009\u200a\u2002\u2003\u2005\u2006\u2008\u205f\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff"),
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\u2011": "-",
    }
)
_CUT = re.compile(r"[\u00ad\ufffe\x02][ \t]*\n?[ \t]*")
"""A hyphen that stands only because the line ended there: as HTML writes it, and as PDFium answers it."""
_HYPHEN_AT_END = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,60})-[ \t]{0,9}\n[ \t]{0,9}([^\W\d_]{2,60})")


def read_writing(data: bytes, *, filename: str = "", progress: Callable[[int, int], None] | None = None) -> str:
    """Return the plain text of a file.

    Args:
        data: the file; its first bytes say what it is.
        filename: only to name a file that is not what its name says.
        progress: told how many pages of how many are read, for a PDF.

    Raises:
        Unreadable: empty, too large, of an unknown kind, a PDF that is locked, damaged or holds no text.
    """
    _check_size(data)
    if b"%PDF-" in data[:_PDF_HEAD]:
        return _tidy(_read_pdf(data, progress or _tell_nobody))
    if filename.lower().endswith(".pdf"):
        raise Unreadable("pdf-expected", "the file is named .pdf but is no PDF")
    written = decode(data)
    if _MARKUP.search(written[:_MARKUP_HEAD]):
        written = _read_markup(data, written)
    return _tidy(written)


def _tell_nobody(_read: int, _of: int) -> None:
    return


def _check_size(data: bytes) -> None:
    if not data:
        raise Unreadable("file-empty", "the file is empty")
    if len(data) > MAX_BYTES:
        raise Unreadable("file-too-large", f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")


def decode(data: bytes) -> str:
    """Return the text of a file as it is: Unicode, or the old encoding of Western Windows.

    Raises:
        Unreadable: it is empty, too large, or no text.
    """
    _check_size(data)
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16")
        try:
            written = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            written = data.decode("cp1252")
    except UnicodeDecodeError:
        written = "\0"
    if any(unicodedata.category(c) == "Cc" and c not in "\t\n\r\f\x0b\x1a" for c in set(written)):
        raise Unreadable("file-unknown", "the file is neither a saved page nor a PDF nor a text")
    return written


def _read_markup(data: bytes, written: str) -> str:
    """Return the text of a page; its own word on its encoding counts where it is not Unicode."""
    is_unicode = data.decode("utf-8", errors="ignore").encode() == data or data.startswith((b"\xff\xfe", b"\xfe\xff"))
    soup = BeautifulSoup(written if is_unicode else data, "html.parser")
    for tag in soup(_SILENT):
        tag.decompose()
    return "".join(_pieces(soup))


def _pieces(root: Tag) -> Iterator[str]:
    """Yield the words and breaks of a page, without recursion: a page may be nested deeper than Python."""
    stack: list[PageElement | str] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str) and not isinstance(node, NavigableString):
            yield node
        elif isinstance(node, NavigableString):
            yield "" if isinstance(node, PreformattedString) else re.sub(r"\s+", " ", node)
        elif isinstance(node, Tag):
            before, after = _breaks(node)
            is_cell = node.name in {"td", "th"} and not after
            children: list[PageElement | str] = [_cell(node)] if is_cell else list(node.children)
            stack.extend([after, *reversed(children), before])


def _breaks(tag: Tag) -> tuple[str, str]:
    if tag.name == "br":
        return "\n", ""
    if tag.name == "tr":
        return "\n", ""
    if tag.name in {"td", "th"}:
        if tag.find(_HOLDS_BLOCKS) is not None:
            return "\n\n", "\n\n"
        return ("\t" if tag.find_previous_sibling(["td", "th"]) else ""), ""
    return ("\n\n", "\n\n") if tag.name in _BLOCKS else ("", "")


def _cell(tag: Tag) -> str:
    """Return the words of a cell on one line."""
    words = "".join(
        node if isinstance(node, NavigableString) else " "
        for node in tag.descendants
        if not isinstance(node, Tag) or node.name == "br" or node.name in _BLOCKS
    )
    return " ".join(words.split())


def _read_pdf(data: bytes, progress: Callable[[int, int], None]) -> str:
    document = _open(data)
    try:
        count = len(document)
        if count > MAX_PAGES:
            raise Unreadable("too-many-pages", f"the PDF has {count} pages, at most {MAX_PAGES} are read")
        pages = []
        for number in range(count):
            pages.append(_page(document, number))
            progress(number + 1, count)
    finally:
        document.close()
    if not any(page.strip() for page in pages):
        raise Unreadable("pdf-without-text", "the PDF holds pictures of pages and no text")
    return "\f".join(pages)


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in {_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY}:
            raise Unreadable("pdf-encrypted", "the PDF is protected by a password") from error
        raise Unreadable("pdf-broken", "the PDF is cut off or damaged") from error


def _page(document: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = document[number]
        words = page.get_textpage()
        lines = _placed_lines(words)
        words.close()
        page.close()
    except pypdfium2.PdfiumError as error:
        raise Unreadable("pdf-broken", f"page {number + 1} of the PDF is damaged") from error
    return "\n".join(_with_gaps(lines))


def _placed_lines(words: pypdfium2.PdfTextPage) -> list[tuple[str, float, float]]:
    """Return the lines of a page, each with its upper edge and its height in points."""
    lines, start = [], 0
    for line in str(words.get_text_range()).split("\r\n"):
        if line.strip():
            first = start + len(line) - len(line.lstrip())
            _left, bottom, _right, top = words.get_charbox(first, loose=True)
            lines.append((line, top, top - bottom))
        start += len(line) + 2
    return lines


def _with_gaps(lines: list[tuple[str, float, float]]) -> Iterator[str]:
    """Yield the lines, and an empty one where the page leaves more room or changes the size of its letters."""
    usual = statistics.median([height for _line, _top, height in lines]) if lines else 0.0
    above: tuple[float, float] | None = None
    for line, top, height in lines:
        height_seen = height or usual or 1.0
        if above is not None:
            pitch = (above[0] - top) / max(height_seen, above[1])
            sizes = sorted((height_seen, above[1]))
            if pitch > _PARAGRAPH_PITCH or pitch < 0 or sizes[1] > sizes[0] * _SIZE_CHANGE:
                yield ""
        yield line
        above = (top, height_seen)


def _tidy(written: str) -> str:
    """Return a text with keyboard characters, whole words, and without what repeats at the edges of pages."""
    plain = unicodedata.normalize("NFC", written.replace("\r\n", "\n").replace("\r", "\n")).translate(_PLAIN)
    plain = _CUT.sub("", plain)
    lines = [re.sub(r" +", " ", line).strip(" ") for line in plain.replace("\f", "\n\f\n").split("\n")]
    text = "\n".join(_without_page_edges(lines))
    known = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.casefold()))
    return _HYPHEN_AT_END.sub(lambda cut: _whole(cut, known), text).replace("\n\f\n", "\f")


def _whole(cut: re.Match[str], known: Counter[str]) -> str:
    """Return a word that was cut after a hyphen: with the hyphen where the text writes it so elsewhere."""
    head, tail = cut[1], cut[2]
    hyphened = f"{head}-{tail}"
    if known[hyphened.casefold()] and not known[(head + tail).casefold()]:
        return hyphened
    is_one_word = tail.islower() or (head.isupper() and tail.isupper() and bool(known[(head + tail).casefold()]))
    return head + tail if is_one_word else cut[0]


def _without_page_edges(lines: list[str]) -> list[str]:
    """Leave out page numbers, and what most pages repeat among their first or last lines."""
    pages: list[list[str]] = [[]]
    for line in lines:
        if line == "\f":
            pages.append([])
        elif not _PAGE_LINE.fullmatch(line):
            pages[-1].append(line)
    repeated = _repeated([_edges(page) for page in pages])
    kept: list[str] = []
    for number, page in enumerate(pages):
        edges = {place for place, key in _edges(page) if key in repeated or _is_page_number(page[place], len(pages))}
        kept += ["\f"] if number else []
        kept += [line for place, line in enumerate(page) if place not in edges]
    return kept


def _is_page_number(line: str, count: int) -> bool:
    number = _PAGE_NUMBER.fullmatch(line)
    return number is not None and 1 <= int(number[1]) <= count and count > 1


def _edges(page: list[str]) -> list[tuple[int, str]]:
    """Return the places and keys of the first and last written lines of a page."""
    written = [(place, _key(line)) for place, line in enumerate(page) if line]
    return written if len(written) <= 2 * _EDGE_LINES else written[:_EDGE_LINES] + written[-_EDGE_LINES:]


def _key(line: str) -> str:
    """Return a line without its page number, so that the same line on another page is the same."""
    return re.sub(r"\d{1,4}\s*(?:/|sur|of)\s*\d{1,4}\W*$|\bpage\s+\d+", "", line.casefold()).strip()


def _repeated(pages: list[list[tuple[int, str]]]) -> set[str]:
    written = [edges for edges in pages if edges]
    if len(written) <= 1:
        return set()
    counts = Counter(key for edges in written for key in {key for _place, key in edges if key})
    return {key for key, count in counts.items() if count > 1 and count >= len(written) * _EDGE_SHARE}


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a plain text, lines kept; one that goes on over the end of a page is whole."""
    found: list[str] = []
    for number, page in enumerate(text.split("\f")):
        parts = [part.strip("\n ") for part in re.split(r"\n[ ]*(?:\n[ ]*)+", page)]
        parts = [part for part in parts if part.strip()]
        if number and found and parts and _goes_on(found[-1], parts[0]):
            found[-1] += "\n" + parts.pop(0)
        for part in parts:
            if found and found[-1].count("[") > found[-1].count("]"):
                found[-1] += "\n" + part
            else:
                found.append(part)
    return found


def _goes_on(above: str, below: str) -> bool:
    if above.count("[") > above.count("]") or above.endswith("-"):
        return True
    return above[-1] not in ".!?:;])\u00bb" and not above[-1].isdigit() and not below[0].isupper()
