"""The way to the CE mark as a manufacturer states it, and the comparison of what documents call a device. Pure."""

import enum
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tracker.errors import N_, InvalidInput


class RiskClass(enum.StrEnum):
    """Class of a device (MDR annex VIII, IVDR annex VIII). Stored: a change needs a migration."""

    UNKNOWN = "unknown"
    I = "i"  # noqa: E741 - the class is called so
    IIA = "iia"
    IIB = "iib"
    III = "iii"
    IVD_A = "ivd_a"
    IVD_B = "ivd_b"
    IVD_C = "ivd_c"
    IVD_D = "ivd_d"


class NoMarkReason(enum.StrEnum):
    """Why a device has no CE mark. Stored: a change needs a migration."""

    NEVER_ASKED = "never_asked"
    IN_ASSESSMENT = "in_assessment"
    CERTIFICATE_ENDED = "certificate_ended"
    CERTIFICATE_WITHDRAWN = "certificate_withdrawn"
    RECLASSIFIED = "reclassified"
    DISCONTINUED = "discontinued"
    OTHER = "other"


class ConsultationState(enum.StrEnum):
    """Where the expert consultation stands. Stored: a change needs a migration."""

    NOT_STATED = "not_stated"
    EXEMPTED = "exempted"
    NOT_BEGUN = "not_begun"
    RUNNING = "running"
    NO_OPINION = "no_opinion"
    OPINION_GIVEN = "opinion_given"


class Applies(enum.StrEnum):
    """Whether the expert consultation applies. Sent by the API."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Place(enum.StrEnum):
    """Where a device is named. Stored: a change needs a migration."""

    DECISION = "decision"
    LABEL = "label"
    NOTICE = "notice"
    REQUEST = "request"
    INSTRUCTIONS = "instructions"
    CERTIFICATE = "certificate"
    OTHER = "other"


class Aspect(enum.StrEnum):
    """What is compared. Stored: a change needs a migration."""

    DESIGNATION = "designation"
    MODEL = "model"
    INDICATION = "indication"
    POPULATION = "population"
    MANUFACTURER = "manufacturer"


CLASS_LABELS: Mapping[RiskClass, str] = {
    RiskClass.UNKNOWN: N_("class not stated"),
    RiskClass.I: "I",
    RiskClass.IIA: "IIa",
    RiskClass.IIB: "IIb",
    RiskClass.III: "III",
    RiskClass.IVD_A: N_("A (in vitro)"),
    RiskClass.IVD_B: N_("B (in vitro)"),
    RiskClass.IVD_C: N_("C (in vitro)"),
    RiskClass.IVD_D: N_("D (in vitro)"),
}
REASON_LABELS: Mapping[NoMarkReason, str] = {
    NoMarkReason.NEVER_ASKED: N_("the mark was never asked for"),
    NoMarkReason.IN_ASSESSMENT: N_("assessment by a notified body is running"),
    NoMarkReason.CERTIFICATE_ENDED: N_("the certificate has ended"),
    NoMarkReason.CERTIFICATE_WITHDRAWN: N_("the certificate was withdrawn or suspended"),
    NoMarkReason.RECLASSIFIED: N_("an old system that was not classified again (directive 2005/50/EC)"),
    NoMarkReason.DISCONTINUED: N_("the device is no longer marketed"),
    NoMarkReason.OTHER: N_("another reason"),
}
STATE_LABELS: Mapping[ConsultationState, str] = {
    ConsultationState.NOT_STATED: N_("nothing is stated"),
    ConsultationState.EXEMPTED: N_("exempted (MDR art. 54(2))"),
    ConsultationState.NOT_BEGUN: N_("not begun"),
    ConsultationState.RUNNING: N_("running"),
    ConsultationState.NO_OPINION: N_("the panel gives no opinion"),
    ConsultationState.OPINION_GIVEN: N_("the opinion is given"),
}
PLACE_LABELS: Mapping[Place, str] = {
    Place.DECISION: N_("decision"),
    Place.LABEL: N_("label"),
    Place.NOTICE: N_("patient's notice"),
    Place.REQUEST: N_("request"),
    Place.INSTRUCTIONS: N_("instructions for use"),
    Place.CERTIFICATE: N_("certificate"),
    Place.OTHER: N_("another document"),
}
ASPECT_LABELS: Mapping[Aspect, str] = {
    Aspect.DESIGNATION: N_("Designation"),
    Aspect.MODEL: N_("Model"),
    Aspect.INDICATION: N_("Indication"),
    Aspect.POPULATION: N_("Population"),
    Aspect.MANUFACTURER: N_("Manufacturer"),
}


class StatementWrong(InvalidInput):
    """What is stated of the way to the CE mark contradicts itself."""

    code = "conformity-statement-wrong"


class NamingWrong(InvalidInput):
    """A naming says nothing, or does not say where it stands."""

    code = "conformity-naming-wrong"


class ExplanationWrong(InvalidInput):
    """A difference is explained without a reason, or there is no such difference."""

    code = "conformity-explanation-wrong"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A former certificate as stated; each part may be empty."""

    number: str
    notified_body: str
    valid_until: str
    """As printed: certificates are quoted with and without a day."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """One step that the manufacturer announces."""

    due_on: date
    what: str


@dataclass(frozen=True, slots=True)
class Pathway:
    """What is stated of the way of one device to the CE mark, all at once."""

    risk_class: RiskClass
    is_implantable: bool
    exchanges_medicine: bool
    """Active, and administers or removes a medicinal product (MDR art. 54(1)(b), annex VIII rule 12)."""
    no_mark_reason: NoMarkReason
    no_mark_note: str = ""
    certificates: tuple[Certificate, ...] = ()
    notified_body: str = ""
    """Number and name of the one that assesses now."""
    milestones: tuple[Milestone, ...] = ()
    consultation: ConsultationState = ConsultationState.NOT_STATED
    consultation_on: date | None = None
    """Day of the opinion, or of the panel's letter."""
    consultation_note: str = ""


def consultation_applies(risk_class: RiskClass, *, is_implantable: bool, exchanges_medicine: bool) -> Applies:
    """Return whether the clinical evaluation consultation applies: MDR art. 54(1).

    (a) class III implantables; (b) class IIb active devices intended to administer or remove a medicinal product.
    """
    if risk_class is RiskClass.UNKNOWN:
        return Applies.UNKNOWN if is_implantable or exchanges_medicine else Applies.NO
    is_concerned = (risk_class is RiskClass.III and is_implantable) or (
        risk_class is RiskClass.IIB and exchanges_medicine
    )
    return Applies.YES if is_concerned else Applies.NO


def check_pathway(pathway: Pathway, *, today: date) -> None:
    """Check what is stated of the way to the CE mark.

    Raises:
        StatementWrong: it contradicts itself.
    """
    applies = consultation_applies(
        pathway.risk_class, is_implantable=pathway.is_implantable, exchanges_medicine=pathway.exchanges_medicine
    )
    has_consultation = pathway.consultation is not ConsultationState.NOT_STATED
    if applies is Applies.NO and has_consultation:
        raise StatementWrong(
            N_("The expert consultation does not apply to this class."),
            fields={"consultation": N_("Leave 'nothing is stated', or check the class and what the device does.")},
        )
    is_given = pathway.consultation in {ConsultationState.OPINION_GIVEN, ConsultationState.NO_OPINION}
    if is_given != (pathway.consultation_on is not None):
        raise StatementWrong(
            N_("The day of the panel's answer goes with its answer."),
            fields={"consultation_on": N_("Give the day of the answer, and only then.")},
        )
    if pathway.consultation_on is not None and pathway.consultation_on > today:
        raise StatementWrong(
            N_("The panel's answer is dated in the future."), fields={"consultation_on": N_("Check the year.")}
        )
    if pathway.no_mark_reason is NoMarkReason.OTHER and not pathway.no_mark_note.strip():
        raise StatementWrong(
            N_("The other reason is not said."), fields={"no_mark_note": N_("Say why there is no mark.")}
        )
    if not all(milestone.what.strip() for milestone in pathway.milestones):
        raise StatementWrong(
            N_("A step of the timetable says nothing."), fields={"milestones": N_("Write the day ; the step.")}
        )


def late_milestones(pathway: Pathway, *, today: date) -> tuple[Milestone, ...]:
    """Return the steps whose day has passed: the next statement should say what became of them."""
    return tuple([milestone for milestone in pathway.milestones if milestone.due_on < today])


STALE_AFTER = timedelta(days=365)
"""After a year without a statement the manufacturer is asked again: at each anniversary, like the recap [design]."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What one document calls the device; an aspect that it does not mention is an empty text."""

    place: Place
    title: str
    """Which document, in words."""
    values: Mapping[Aspect, str]


@dataclass(frozen=True, slots=True)
class Value:
    """One way of saying an aspect, and the documents that say it so."""

    text: str
    said_by: tuple[tuple[Place, str], ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """An aspect that documents say differently."""

    aspect: Aspect
    values: tuple[Value, ...]
    """The decision's first, then the others."""
    bounds_differ: bool
    """Ages or weights differ, not only words."""
    unexplained: tuple[str, ...]
    """Values that no alias and no explanation covers."""


_SYMBOLS = re.compile(r"[®™©]")
_NOT_WORDS = re.compile(r"[^0-9a-z]+")
_LEGAL_FORMS = {"sa", "sas", "sarl", "gmbh", "ag", "inc", "ltd", "llc", "bv", "nv", "spa", "srl", "societe", "groupe"}
_BOUND = re.compile(
    r"(>=|<=|≥|≤|>|<|plus de|au moins|superieure? a|moins de|inferieure? a|jusqu'?a|des|from|over|under|at least)"
    r"\s*(\d+(?:[.,]\d+)?)\s*(kg|g|ans?|an|mois|annees?|years?|months?|cm|mm)?"
)
_LOWER = {">", ">=", "≥", "plus de", "au moins", "superieur a", "superieure a", "des", "from", "over", "at least"}


def plain(text: str) -> str:
    """Return a text as names are compared: no case, accents, marks, punctuation or doubled spaces.

    >>> plain("Insert  SCORE® – Taille A")
    'insert score taille a'
    """
    bare = unicodedata.normalize("NFKD", _SYMBOLS.sub("", text).casefold())
    return _NOT_WORDS.sub(" ", "".join(mark for mark in bare if not unicodedata.combining(mark))).strip()


def bounds(text: str) -> frozenset[tuple[str, str, str]]:
    """Return the ages, weights and sizes that limit a population.

    >>> sorted(bounds("patients > 5 kg")) == sorted(bounds("poids supérieur à 5,0 kg"))
    True
    """
    bare = unicodedata.normalize("NFKD", text.casefold())
    found = _BOUND.findall("".join(mark for mark in bare if not unicodedata.combining(mark)))
    return frozenset(
        ("from" if sign in _LOWER else "until", f"{float(number.replace(',', '.')):g}", unit[:2] or "")
        for sign, number, unit in found
    )


def differences(
    namings: Sequence[Naming], *, aliases: Collection[str], explained: Mapping[Aspect, Collection[str]]
) -> tuple[Difference, ...]:
    """Return the aspects that documents say differently.

    Args:
        namings: the decision's first: its words are the canonical ones.
        aliases: other spellings of the designation that the register knows.
        explained: values that a pharmacist has explained, by aspect.
    """
    found = (_difference(aspect, namings, aliases=aliases, explained=explained.get(aspect, ())) for aspect in Aspect)
    return tuple([difference for difference in found if difference is not None])


def _difference(
    aspect: Aspect, namings: Sequence[Naming], *, aliases: Collection[str], explained: Collection[str]
) -> Difference | None:
    values = _values(aspect, namings)
    if aspect is Aspect.MODEL:
        names = [naming.values.get(Aspect.DESIGNATION, "") for naming in namings if naming.place is Place.DECISION]
        known = [*names, *aliases]
        strange = [value for value in values if not any(_holds(name, value.text) for name in known)]
    elif len(values) > 1:
        canonical = values[0].text
        strange = [value for value in values[1:] if not _same(aspect, canonical, value.text)]
    else:
        strange = []
    if not strange:
        return None
    covered = {plain(text) for text in (*explained, *(aliases if aspect is Aspect.DESIGNATION else ()))}
    limits = {bounds(value.text) for value in values} if aspect is Aspect.POPULATION else set()
    return Difference(
        aspect=aspect,
        values=values,
        bounds_differ=len(limits) > 1,
        unexplained=tuple([value.text for value in strange if plain(value.text) not in covered]),
    )


def _values(aspect: Aspect, namings: Iterable[Naming]) -> tuple[Value, ...]:
    said: dict[str, tuple[str, list[tuple[Place, str]]]] = {}
    for naming in namings:
        text = naming.values.get(aspect, "").strip()
        if text:
            said.setdefault(plain(text), (text, []))[1].append((naming.place, naming.title))
    return tuple([Value(text, tuple(places)) for text, places in said.values()])


def _same(aspect: Aspect, canonical: str, other: str) -> bool:
    if aspect is Aspect.MANUFACTURER:
        return _company(canonical) == _company(other)
    return plain(canonical) == plain(other)


def _company(name: str) -> tuple[str, ...]:
    return tuple([word for word in plain(name).split() if word not in _LEGAL_FORMS])


def _holds(name: str, part: str) -> bool:
    """Test whether a name holds all words of a part, one after the other."""
    return f" {plain(part)} " in f" {plain(name)} "
