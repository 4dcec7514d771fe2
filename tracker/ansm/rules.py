"""Read ANSM's list of derogations from a plain text (``scanners.readers.writing``). Pure.

The layout is that of the page "Demander une dérogation pour un dispositif médical dépourvu de marquage CE", updated
06/03/2024: a heading "device - company - [Dérogation jusqu'au JJ/MM/AAAA]", a sentence that grants, a sentence that
says until when, and annexes "Liste des … de la société …" with one reference for each product. Everything is compared
without case, accents and typing errors; what is answered is as printed.
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from scanners.readers.french import SAME_NAME, fold, likeness, one_line, read_day, spelled, words_of
from scanners.readers.references import REFERENCE, Doubt, ReferenceRows, is_table_head
from scanners.readers.writing import paragraphs
from tracker.derogations.rules import Domain
from tracker.errors import N_


@dataclass(frozen=True, slots=True)
class ListedReference:
    """One reference of an annex, with the name of the product as printed."""

    reference: str
    label: str


@dataclass(frozen=True, slots=True)
class ListedDerogation:
    """One derogation as the page prints it."""

    title: str
    company: str
    """Empty where the page names none that can be trusted."""
    valid_until: date | None
    """Last day; None where none is printed, or two that disagree."""
    extended: bool
    partial_revision: bool
    domain: Domain
    references: tuple[ListedReference, ...]
    scope_text: str
    """The sentence that grants, in the page's own words."""
    announces_annex: bool
    """It says "liste en annexe"."""
    is_list_whole: bool = True
    """Every row of its annex was understood; otherwise a reference that seems to be missing may only be mistyped."""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """A piece of the text that speaks of a derogation and cannot be understood."""

    text: str
    why: str
    """A marked text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says."""

    updated_on: date | None = None
    """The day of the page, where it prints one: "mis à jour le"."""
    derogations: tuple[ListedDerogation, ...] = ()
    not_understood: tuple[Misunderstood, ...] = ()


_DAY = r"(?P<day>[0-9oil]{1,2} ?(?:er)? ?[/.\- ] ?[a-z0-9]{1,10}\.? ?[/.\- ] ?[0-9oil]{2,4}|\d{4}-\d{2}-\d{2})(?![0-9])"
"""A day, or what was meant as one: the letters o, i and l may stand for digits."""
_DEROGATION = r"(?<![a-z])d[a-z]{0,3}r[a-z]{0,2}g[a-z]{3,8}"
_UNTIL = r"(?<![a-z])j[a-z]{2,5} ?'? ?a[ux]?(?: ?:)?(?: le)?"
_EXTENDS = r"(?:exten|etend|renouvel|recond|p[ro]{1,3}[lr]o[a-z]{0,2}g)[a-z]*"
_MARK = re.compile(
    rf"\[ *(?:{_DEROGATION}|{_EXTENDS})[^\]]{{0,160}}\]?"
    rf"|(?<!cette )(?<!la )(?<!une )(?<!presente )(?:{_DEROGATION}|{_EXTENDS})(?: (?:{_EXTENDS}|val[a-z]+|acc[a-z]+))*"
    rf"[ ,:]*{_UNTIL} *(?:{_DAY})?[\])]?"
)
"""The end of a heading: "[Dérogation jusqu'au 28/02/2025]", with or without its brackets and its date."""
_END = re.compile(rf"(?:{_UNTIL}|(?:expir[a-z]*|prend fin|fin de validite|echeance)[ :]*(?:le)?) *{_DAY}")
_UPDATED = re.compile(rf"mise? a jour (?:le|du|:) *{_DAY}")
_ANY_DAY = re.compile(rf"(?<![0-9a-z]){_DAY}")
_GRANT = rf"{_DEROGATION} (?:a|est|avait)(?: ete)? (?:acc?[a-z]*o[a-z]*d|delivr|octroy|consent)[a-z]*"
_GRANTS = re.compile(_GRANT)
_GRANTED_TO = re.compile(
    rf"{_GRANT} (?:a|au|aux) (?:la s[a-z]{{4,8}} |l'entreprise |societe )?(?P<company>.{{2,100}}?),? "
    r"(?:con[a-z]{2,9}nt|pour|afin|relative[a-z]*|portant)(?![a-z])"
)
_OBJECT = re.compile(
    r"mise? a disposition (?:de la |des |de |du |d')?(?P<object>.+?)"
    r"(?:,? (?:pour|destine[a-z]*|dans le cadre) (?:de |des |les |la |une )*rep[a-z]+|,? \(liste|\.(?: |$)|$)"
)
_OPENS_GRANT = re.compile(rf"en application d|une {_DEROGATION} (?:a|est|avait) ")
_OPENS_ANNEX = re.compile(
    rf"(?:annexe(?![a-z]).{{0,300}}|(?:liste|tableau) (?:des |de |d'|du )(?!{_DEROGATION}s?(?![a-z])).{{0,200}}?"
    r"(?:societe|mise a disposition|annexe|reference))"
)
_ANNEX_OF = re.compile(r"de la s[a-z]{4,8} (?P<company>.{2,60}?)(?:,| dont| pour| autoris[a-z]*| \(|$)")
_ENDS_ANNEX = re.compile(
    r"\?|https?:|www\.|@|questions?[ /]|pour toute question|pour en savoir|documents? (?:telech|utile)|contact|^tel"
)
_INTERRUPTS = re.compile(
    rf"(?:cette|ladite|presente) {_DEROGATION} .{{0,40}}(?:suspend|retir|abrog|annul|(?<![a-z])lev)[a-z]*"
)
_SPEAKS_OF_VALIDITY = re.compile(rf"{_DEROGATION}|{_EXTENDS}|(?<![a-z])elle|valable|valide|autoris")
_PARTIAL = re.compile(r"rep[a-z]{2,7} (?:part[a-z]+|de(?:s|) proth)")
_SECTION = re.compile(r"(?:implants?|protheses?) (?:dentaires?|articulaires?)|autres? (?:dispositifs?|implants?).*")
_FURNITURE = re.compile(r"(?:haut de page|retour|partager|imprimer|lire|voir|mis a jour).*")
_DOMAIN_WORDS = {
    Domain.DENTAL: re.compile(r"dentair|osteo-?integr|implantolog|parodont|maxillair"),
    Domain.JOINT: re.compile(
        r"hanche|genou|epaule|coude|cheville|articul|femora|tibia|cotyl|acetab|condyl|glenoid|humer|patell|rotul"
    ),
}
_TRAILER = re.compile(r"mise? a disposition.*|.{0,20}reprises? partielles?|.{0,40}a titre derogatoire.*")
_COMMON_WORDS = frozenset(words_of("liste annexe des de du d la le les l en et a pour un une avec mm dont tableau"))
_LEAST_SHARE = 0.3
_LONGEST_SECTION = 90
_LONGEST_LABEL = 400
_LONGEST_TOLD = 300

_WHY_DAY = N_("The last day cannot be read as a day of the calendar.")
_WHY_NO_DAY = N_("No last day is printed.")
_WHY_TWO_DAYS = N_("The heading and the text name different last days.")
_WHY_TWO_COMPANIES = N_("The heading and the text name different companies.")
_WHY_NO_COMPANY = N_("No company is named.")
_WHY_NO_TITLE = N_("No device is named before this last day.")
_WHY_ORPHAN = N_("A last day that belongs to no derogation.")
_WHY_INTERRUPTED = N_("It speaks of a suspension or a withdrawal: record it from ANSM's decision.")
_WHY_ANNEX = N_("It cannot be told which derogation these references belong to.")
_WHY_EMPTY_ANNEX = N_("A list is announced, and no reference follows.")
_WHY_ROW = {
    Doubt.NO_REFERENCE: N_("A product without a reference that can be read."),
    Doubt.ODD_FORM: N_("The reference does not have the form of the others in its list."),
    Doubt.TWO_LABELS: N_("The same reference stands twice in the list, with different products."),
}


_Kind = enum.Enum("_Kind", "HEADING GRANT ANNEX ROWS WORDS")


@dataclass(slots=True)
class _Draft:
    """One derogation while its blocks are read. Lives within one reading."""

    heading: str
    section: Domain
    title: str = ""
    company: str = ""
    granted_to: str = ""
    companies: set[str] = field(default_factory=set)
    """Every name that may be its company's, where the heading and the sentence disagree."""
    grant: str = ""
    words: list[str] = field(default_factory=list)
    heading_days: list[date] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    extended_to: list[date] = field(default_factory=list)
    extended: bool = False
    has_doubtful_day: bool = False
    is_list_whole: bool = True
    references: list[ListedReference] = field(default_factory=list)

    @property
    def folded(self) -> str:
        """Everything that the page says of it, folded."""
        return fold(" ".join([self.heading, *self.words]))


@dataclass(slots=True)
class _Annex:
    """One list of references while it is read."""

    heading: str
    under: _Draft | None
    """The derogation it stands under."""
    rows: ReferenceRows = field(default_factory=ReferenceRows)


@dataclass(slots=True)
class _Notes:
    """What was found so far. Lives within one reading."""

    drafts: list[_Draft] = field(default_factory=list)
    annexes: list[_Annex] = field(default_factory=list)
    annex: _Annex | None = None
    """The one that is being read."""
    section: Domain = Domain.OTHER
    before: str = ""
    """The block before, where it may be a heading."""
    doubts: list[Misunderstood] = field(default_factory=list)

    def doubt(self, text: str, why: str) -> None:
        """Note a piece of text that cannot be understood."""
        self.doubts.append(Misunderstood(one_line(text)[:_LONGEST_TOLD], why))


def read_list(text: str) -> Reading:
    """Read a plain text: the derogations in their order, and what could not be understood."""
    notes = _Notes()
    for paragraph in paragraphs(text):
        for block in _blocks(paragraph):
            _read_block(block, notes)
    for draft in notes.drafts:
        _name(draft, notes)
    for annex in notes.annexes:
        _attach(annex, notes)
    listed = tuple(_listed(draft, notes) for draft in notes.drafts)
    updated = _UPDATED.search(fold(text))
    return Reading(read_day(updated["day"]) if updated else None, listed, tuple(notes.doubts))


def _blocks(paragraph: str) -> list[str]:
    """Cut a paragraph where another piece begins, for pages that leave no room between paragraphs."""
    folded, cuts = fold(paragraph), {0, len(paragraph)}
    starts = [0, *(place + 1 for place, c in enumerate(paragraph) if c == "\n")]
    for start, following in pairwise([*starts, len(paragraph) + 1]):
        if _SECTION.fullmatch(folded[start : following - 1].strip()):
            cuts |= {start, following - 1}
        if _OPENS_GRANT.match(folded, start) or _OPENS_ANNEX.match(folded, start):
            cuts.add(start)
    marks = [mark for mark in _MARK.finditer(folded) if not _is_in_sentence(folded, mark)]
    for mark in marks:
        cuts |= {_heading_start(folded, starts, mark.start()), mark.end()}
    for end in _END.finditer(folded):
        over = re.compile(r"\s*\.|\s*\n(?=[^\W\d_a-zà-ÿ])").match(paragraph, end.end())
        if over and not any(mark.start() <= end.start() < mark.end() for mark in marks):
            cuts.add(over.end())
    ends = sorted(cuts)
    pieces = [paragraph[start:end].strip() for start, end in pairwise(ends)]
    return [piece for piece in pieces if piece.strip(" .)]\n")]


def _heading_start(folded: str, starts: Sequence[int], mark: int) -> int:
    """Return where the heading begins that a mark ends: below a sentence, a section, a reference or a last day."""
    lines = [start for start in starts if start <= mark]
    for start, following in zip(reversed(lines[:-1]), reversed(lines[1:]), strict=True):
        line = folded[start : following - 1].strip()
        is_over = line.endswith((".", "!", "?", ":", "]")) or _SECTION.fullmatch(line)
        if is_over or _ends_with_day(line) or re.search(r"\d{3,}[a-z]?$", line):
            return following
    return lines[0]


def _ends_with_day(line: str) -> bool:
    ends = list(_END.finditer(line))
    return bool(ends) and ends[-1].end() == len(line)


def _is_in_sentence(folded: str, mark: re.Match[str]) -> bool:
    """Test whether a mark is no heading: it goes on as a sentence, or stands alone as an extension."""
    if mark[0].startswith("["):
        return False
    said = re.split(r"[.\]]", folded[: mark.start()])[-1]
    return bool(re.search(rf"{_DEROGATION}|(?<![a-z])elle |(?:cette|une|la|sa|son|d'|de|que) *$", said))


def _kind_of(block: str, notes: _Notes) -> _Kind:
    folded = fold(block)
    mark = _MARK.search(folded)
    if mark is not None and not _is_in_sentence(folded, mark):
        stands_alone = not folded[: mark.start()].strip(" -[(") and not mark[0].startswith("[") and notes.drafts
        if not stands_alone or re.match(_DEROGATION, mark[0]):
            return _Kind.HEADING
    if _GRANTS.search(folded):
        return _Kind.GRANT
    if _OPENS_ANNEX.match(folded) or (is_table_head(block) and notes.annex is None):
        return _Kind.ANNEX
    if notes.annex is not None and not _is_after_annex(block):
        return _Kind.ROWS
    return _Kind.WORDS


def _read_block(block: str, notes: _Notes) -> None:
    kind = _kind_of(block, notes)
    if kind is not _Kind.ROWS:
        notes.annex = None
    match kind:
        case _Kind.HEADING:
            _read_heading(block, notes)
        case _Kind.GRANT:
            _read_grant(block, notes)
        case _Kind.ANNEX:
            notes.annex = _Annex(block, notes.drafts[-1] if notes.drafts else None)
            notes.annexes.append(notes.annex)
            notes.annex.rows.read(_below_annex_heading(notes.annex))
        case _Kind.ROWS if notes.annex is not None:
            notes.annex.rows.read(block)
        case _:
            _read_words(block, notes)
    is_title = (
        kind in {_Kind.WORDS, _Kind.ROWS} and not REFERENCE.search(block) and not _END.search(fold(one_line(block)))
    )
    notes.before = block if is_title else ""


def _read_heading(block: str, notes: _Notes) -> None:
    folded = fold(block)
    marks = [mark for mark in _MARK.finditer(folded) if not _is_in_sentence(folded, mark)]
    mark = marks[-1]
    title = block[: marks[0].start()].strip(" -–—\n[(:")
    if not title and notes.before:
        title = notes.before.strip(" -–—\n")
    else:
        _enter_section(notes)
    draft = _Draft(
        heading=one_line(block if title in block else f"{title} {block}"), section=notes.section, title=title
    )
    notes.drafts.append(draft)
    if not title:
        notes.doubt(block, _WHY_NO_TITLE)
    _note_days(mark[0], draft, notes, told=block, days=draft.heading_days)


def _enter_section(notes: _Notes) -> None:
    """Take the paragraph above a heading as the section, where it is short enough to be one."""
    above = fold(one_line(notes.before))
    if above and len(above) <= _LONGEST_SECTION and not above.endswith(".") and not _FURNITURE.fullmatch(above):
        notes.section = _domain(above, Domain.OTHER)


def _domain(folded: str, otherwise: Domain) -> Domain:
    counts = {domain: len(pattern.findall(folded)) for domain, pattern in _DOMAIN_WORDS.items()}
    most = max(counts.values())
    named = [domain for domain, count in counts.items() if count == most and count]
    return named[0] if len(named) == 1 else otherwise


def _note_days(folded: str, draft: _Draft, notes: _Notes, *, told: str, days: list[date]) -> None:
    """Note the last days in a heading's mark or in a sentence, and whether they extend."""
    for found in _ANY_DAY.finditer(folded):
        day = read_day(found["day"])
        said = folded[: found.start()]
        if day is None:
            draft.has_doubtful_day = True
            notes.doubt(told, _WHY_DAY)
        elif re.search(_EXTENDS, re.split(r"[.;]|\d{4}", said)[-1]):
            draft.extended_to.append(day)
        else:
            days.append(day)
    draft.extended = draft.extended or bool(re.search(_EXTENDS, folded))


def _read_grant(block: str, notes: _Notes) -> None:
    folded = fold(one_line(block))
    if not notes.drafts or notes.drafts[-1].grant:
        is_heading = len(notes.before) <= _LONGEST_TOLD and notes.before[-1:] not in {".", "?"}
        title = one_line(notes.before) if is_heading else ""
        notes.drafts.append(_Draft(heading=title, section=notes.section, title=title))
    draft = notes.drafts[-1]
    draft.grant = one_line(block)
    to = _GRANTED_TO.search(folded)
    if to:
        draft.granted_to = draft.grant[slice(*to.span("company"))].strip(" ,")
    if not draft.title:
        thing = _OBJECT.search(folded)
        draft.title = draft.grant[slice(*thing.span("object"))].strip(" ,") if thing else ""
    _read_words(block, notes)


def _read_words(block: str, notes: _Notes) -> None:
    """Read the last days that sentences name, and leave ordinary prose alone."""
    flat = one_line(block)
    folded = fold(flat)
    is_about_all = re.search(rf"(?:les|des|ces) {_DEROGATION[:-5]}[a-z]*s (?:list|annuel|sont|accord)", folded)
    draft = None if is_about_all or not notes.drafts else notes.drafts[-1]
    if _INTERRUPTS.search(folded):
        notes.doubt(flat, _WHY_INTERRUPTED)
    for end in _END.finditer(folded):
        said = re.split(r"\. |; ", folded[: end.start()])[-1]
        if said.strip(" -[") and not _SPEAKS_OF_VALIDITY.search(said):
            continue
        if draft is None:
            notes.doubt(flat, _WHY_ORPHAN)
            continue
        days = draft.extended_to if re.search(_EXTENDS, said) else draft.days
        _note_days(folded[end.start("day") :][: len(end["day"])], draft, notes, told=flat, days=days)
        draft.extended = draft.extended or days is draft.extended_to
    if draft is not None and re.search(rf"cette {_DEROGATION} .{{0,60}}{_UNTIL}", folded) and not _END.search(folded):
        draft.has_doubtful_day = True
        notes.doubt(flat, _WHY_DAY)
    if draft is not None and (_GRANTS.search(folded) or _END.search(folded)):
        draft.words.append(flat)
        draft.extended = draft.extended or bool(re.search(rf"(?:cette|une) {_EXTENDS}", folded))


def _is_after_annex(block: str) -> bool:
    folded = fold(one_line(block))
    if REFERENCE.search(block):
        return bool(re.search(r"https?:|@", folded))
    is_prose = len(folded) > _LONGEST_LABEL or folded.endswith(".") or re.search(_DEROGATION, folded)
    return bool(is_prose or _ENDS_ANNEX.search(folded))


def _below_annex_heading(annex: _Annex) -> str:
    """Cut an annex's first block after its heading, and return the rows below it."""
    lines = annex.heading.split("\n")
    if is_table_head(lines[0]):
        count = 0
    else:
        closing = (number for number, line in enumerate(lines, 1) if re.search(r"partiel|derogatoire *$", fold(line)))
        first_row = (n for n, line in enumerate(lines) if n and (is_table_head(line) or REFERENCE.search(line)))
        count = min([*list(closing)[-1:], next(first_row, len(lines))])
    annex.heading, rows = one_line(" ".join(lines[:count])), "\n".join(lines[count:])
    return rows


def _attach(annex: _Annex, notes: _Notes) -> None:
    """Give the references of an annex to the derogation they belong to."""
    rows, doubts = annex.rows.finish()
    for doubt, text in doubts:
        notes.doubt(text, _WHY_ROW[doubt])
    draft = _draft_of(annex, notes.drafts)
    if not rows and not doubts:
        notes.doubt(annex.heading, _WHY_EMPTY_ANNEX)
    elif draft is None:
        notes.doubt(f"{annex.heading}: {', '.join(code for code, _label in rows)}", _WHY_ANNEX)
    else:
        draft.is_list_whole = draft.is_list_whole and not doubts
        known = {one.reference for one in draft.references}
        draft.references += [ListedReference(code, spelled(label)) for code, label in rows if code not in known]
        draft.words.append(annex.heading)


def _draft_of(annex: _Annex, drafts: list[_Draft]) -> _Draft | None:
    heading = fold(annex.heading)
    named = _ANNEX_OF.search(heading)
    if named is None:
        return annex.under
    own = [draft for draft in drafts if any(likeness(one, named["company"]) >= SAME_NAME for one in draft.companies)]
    subject = set(words_of(spelled(annex.heading[: named.start()]))) - _COMMON_WORDS
    shares = [
        len(subject & set(words_of(spelled(f"{draft.title} {draft.grant}")))) / max(len(subject), 1) for draft in own
    ]
    best = max(shares, default=0.0)
    if best >= _LEAST_SHARE and shares.count(best) == 1:
        return own[shares.index(best)]
    return annex.under if any(draft is annex.under for draft in own) else None


def _name(draft: _Draft, notes: _Notes) -> None:
    """Tell the device from the company in a heading, with the help of the sentence that grants."""
    title = one_line(draft.title)
    parts = [part.strip() for part in re.split(r" [-–—]+ ?| ?[-–—]+ ", title) if part.strip()]
    parts = [part for part in parts if not _TRAILER.fullmatch(fold(part))] or parts
    draft.companies = {draft.granted_to, *parts[1:]} - {""}
    granted = draft.granted_to
    alike = [number for number, part in enumerate(parts) if granted and likeness(part, granted) >= SAME_NAME]
    inside = fold(title).find(fold(granted)) if granted else -1
    if alike and len(parts) > 1:
        draft.company = parts.pop(alike[-1])
        draft.title = " - ".join(parts)
    elif inside > 0:
        draft.company = title[inside : inside + len(granted)]
        draft.title = title[:inside].strip(" -–—")
    elif len(parts) > 1 and draft.grant and granted:
        draft.title = " - ".join(parts[:-1])
        notes.doubt(f"{title} / {granted}", _WHY_TWO_COMPANIES)
    elif len(parts) > 1:
        draft.title, draft.company = " - ".join(parts[:-1]), parts[-1]
    else:
        draft.title, draft.company = title, granted
    draft.title = spelled(draft.title)
    if not draft.company and not granted:
        notes.doubt(title or draft.grant, _WHY_NO_COMPANY)


def _last_day(draft: _Draft, notes: _Notes) -> date | None:
    """Return the last day, where the heading and the sentences leave only one."""
    days, extended = set(draft.days), set(draft.extended_to)
    headings = set(draft.heading_days)
    said = {max(extended)} if extended else days
    if extended and headings <= days:
        headings = set()  # a heading that was left as it was before the extension
    together = said | headings
    if len(together) == 1:
        return together.pop()
    told = draft.heading or draft.grant
    if together:
        notes.doubt(told, _WHY_TWO_DAYS)
    elif not draft.has_doubtful_day:
        notes.doubt(told, _WHY_NO_DAY)
    return None


def _listed(draft: _Draft, notes: _Notes) -> ListedDerogation:
    folded = draft.folded
    return ListedDerogation(
        title=draft.title,
        company=draft.company,
        valid_until=_last_day(draft, notes),
        extended=draft.extended,
        partial_revision=bool(_PARTIAL.search(folded)),
        domain=_domain(folded, draft.section),
        references=tuple(draft.references),
        scope_text=draft.grant,
        announces_annex="en annexe" in folded,
        is_list_whole=draft.is_list_whole,
    )
