"""What a request must say, where it stands and what may follow. Pure.

The ten points are those of ANSM's notice to applicants (domain reference 1.3, after the notice as reported on
20/02/2025); the field-by-field form is not published.
"""

import enum
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from tracker.derogations.rules import DerogationKind, Domain
from tracker.errors import N_, Conflict, InvalidInput, RuleRefused
from tracker.patients.rules import Identity, find_identity


class RequestState(enum.StrEnum):
    """Where a request stands, after its last event. Stored beside the events: docs/decisions/0009."""

    DRAFTING = "drafting"
    GIVEN = "given"
    FILED = "filed"
    GRANTED = "granted"
    REFUSED = "refused"
    ABANDONED = "abandoned"


class RequestEventKind(enum.StrEnum):
    """One dated fact in the life of a request. Stored: a change needs a migration."""

    OPENED = "opened"
    SIGNED = "signed"
    GIVEN = "given"
    REOPENED = "reopened"
    FILED = "filed"
    GRANTED = "granted"
    REFUSED = "refused"
    ABANDONED = "abandoned"
    REMINDED = "reminded"


KIND_LABELS: Mapping[DerogationKind, str] = {
    DerogationKind.INDIVIDUAL: N_("Individual"),
    DerogationKind.GLOBAL: N_("Global"),
    DerogationKind.PARTIAL_REVISION: N_("Annual, partial revision"),
    DerogationKind.IVD: N_("In vitro diagnostic"),
}
STATE_LABELS: Mapping[RequestState, str] = {
    RequestState.DRAFTING: N_("Being drafted"),
    RequestState.GIVEN: N_("Given to the operator"),
    RequestState.FILED: N_("Filed with ANSM by the operator"),
    RequestState.GRANTED: N_("Granted by ANSM"),
    RequestState.REFUSED: N_("Refused by ANSM"),
    RequestState.ABANDONED: N_("Abandoned"),
}
EVENT_LABELS: Mapping[RequestEventKind, str] = {
    RequestEventKind.OPENED: N_("Request opened"),
    RequestEventKind.SIGNED: N_("Justification signed by the clinician"),
    RequestEventKind.GIVEN: N_("Dossier given to the operator"),
    RequestEventKind.REOPENED: N_("Taken up again to be completed"),
    RequestEventKind.FILED: N_("Filed with ANSM by the operator"),
    RequestEventKind.GRANTED: N_("Granted by ANSM"),
    RequestEventKind.REFUSED: N_("Refused by ANSM"),
    RequestEventKind.ABANDONED: N_("Request abandoned"),
    RequestEventKind.REMINDED: N_("Reminder: nothing has moved"),
}

OPEN_STATES = frozenset({RequestState.DRAFTING, RequestState.GIVEN, RequestState.FILED})
"""States in which somebody still has something to do, and silence is reminded of."""

_WITH_OPERATOR = frozenset({RequestState.GIVEN, RequestState.FILED})
TRANSITIONS: Mapping[RequestEventKind, tuple[AbstractSet[RequestState], RequestState | None]] = {
    RequestEventKind.SIGNED: ({RequestState.DRAFTING}, None),
    RequestEventKind.GIVEN: ({RequestState.DRAFTING}, RequestState.GIVEN),
    RequestEventKind.REOPENED: (_WITH_OPERATOR, RequestState.DRAFTING),
    RequestEventKind.FILED: ({RequestState.GIVEN}, RequestState.FILED),
    RequestEventKind.GRANTED: (_WITH_OPERATOR, RequestState.GRANTED),
    RequestEventKind.REFUSED: (_WITH_OPERATOR, RequestState.REFUSED),
    RequestEventKind.ABANDONED: (OPEN_STATES, RequestState.ABANDONED),
    RequestEventKind.REMINDED: (OPEN_STATES, None),
}
"""For each event but the first: the states it may come from, and the state it leads to; None stays."""


@dataclass(frozen=True, slots=True)
class Point:
    """One of the ten points of the application."""

    code: str
    number: int
    title: str
    help: str
    from_operator: bool = False
    """The operator may bring it: it is about the device, not about the patient."""
    is_clinical: bool = False
    """Part of the justification that the clinician signs."""


POINTS = (
    Point(
        "need",
        1,
        N_("Need and interest for the patient or patients"),
        N_("Characteristics, context, medical condition, benefit expected. Write “the patient”, never a name."),
        is_clinical=True,
    ),
    Point(
        "no_investigation",
        2,
        N_("Why the patient cannot enter a clinical investigation"),
        N_("None is open, or the patient does not meet its criteria."),
        is_clinical=True,
    ),
    Point(
        "no_ce_device",
        3,
        N_("No CE-marked alternative in the indication, or why it cannot be used"),
        N_("Sum up what was looked for; list it below, device by device."),
        is_clinical=True,
    ),
    Point(
        "no_treatment",
        4,
        N_("No other treatment, or why it is not possible"),
        N_("Medicine, surgery, another technique."),
        is_clinical=True,
    ),
    Point(
        "no_mark",
        5,
        N_("Why there is no CE mark, and the regulatory situation"),
        N_("Former certificate, notified body, timetable."),
        from_operator=True,
    ),
    Point(
        "performance",
        6,
        N_("Safety and performance data"),
        N_("Standards, clinical and preclinical summaries; full preclinical reports for a first use in humans."),
        from_operator=True,
    ),
    Point(
        "characteristics",
        7,
        N_("Characteristics of the device"),
        N_("Mode of action, sterility, expiry date, storage; for software, its exact version."),
        from_operator=True,
    ),
    Point(
        "conformity",
        8,
        N_("Declaration of conformity, except for what the derogation covers"),
        N_("With the attestation that all precautions are taken. The manufacturer signs it."),
        from_operator=True,
    ),
    Point(
        "review",
        9,
        N_("Review of the derogations already granted"),
        N_("How many patients, which results, which incidents."),
        from_operator=True,
    ),
    Point(
        "late_renewal",
        10,
        N_("Late renewal of the CE mark: clinical evidence and urgency"),
        N_("The written requests of health professionals; attach them."),
        is_clinical=True,
    ),
)
"""Source: domain reference 1.3, points 1 to 10."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One alternative that was looked for, and why it does not do."""

    name: str
    why_not: str


@dataclass(frozen=True, slots=True)
class RequestFile:
    """Everything that people typed of a request; each saving is kept. Sealed at rest: free texts may name a patient."""

    designation: str = ""
    domain: Domain = Domain.OTHER
    manufacturer_id: UUID | None = None
    operator: str = ""
    """Market operator to whom the dossier goes: name and contact."""
    patient_id: UUID | None = None
    implanted_system: str = ""
    references: tuple[str, ...] = ()
    points: Mapping[str, str] = field(default_factory=dict)
    """Text of each point, by its code."""
    from_operator: frozenset[str] = frozenset()
    """Points that the operator brings."""
    alternatives: tuple[Alternative, ...] = ()
    is_late_renewal: bool = False
    left_out: frozenset[UUID] = frozenset()
    """Attached documents that do not go with the dossier."""

    def text(self, code: str) -> str:
        """Return the text of a point."""
        return self.points.get(code, "").strip()


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is missing before the dossier can be given."""

    field: str
    """Code of a point, or name of a field."""
    label: str
    number: int | None = None
    """Number of the point."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it was entered."""

    kind: RequestEventKind
    happened_on: date
    """Paris calendar."""
    note: str = ""
    version: int = 0
    """Of the file that was read, where the step rests on it."""


class RequestStateWrong(Conflict):
    """The request does not stand where this can happen."""

    code = "request-state"


class RequestFileChanged(Conflict):
    """Somebody saved the file in the meantime; ``present`` is what they saved."""

    code = "request-file-changed"

    def __init__(self, present: RequestFile, version: int) -> None:
        super().__init__(
            N_("Somebody saved this file in the meantime: it is at version %(version)s. Nothing was written."),
            next_step=N_("Compare what you typed with the present version, then save again."),
            version=version,
        )
        self.present = present
        self.version = version

    def explain(self, _translate: Callable[[str], str]) -> list[dict[str, str]]:
        """Return the present state: its version, and every text that it holds, by field."""
        texts = texts_for_operator(self.present, ())
        told = {"version": str(self.version)} | {name: text for name, text in texts.items() if text}
        return [{"code": name, "sentence": text} for name, text in told.items()]


class RequestIncomplete(RuleRefused):
    """The dossier cannot be given: something of the ten points is missing."""

    code = "request-incomplete"

    def __init__(self, missing: Sequence[Missing]) -> None:
        super().__init__(
            N_("The file is not complete: %(count)s things are missing."),
            next_step=N_("Complete what the page lists, then give the dossier."),
            count=len(missing),
        )
        self.missing = tuple(missing)

    def explain(self, translate: Callable[[str], str]) -> list[dict[str, str]]:
        """Return everything that is missing, in words."""
        return [{"code": one.field, "sentence": translate(one.label)} for one in self.missing]


class RequestNamesPatient(RuleRefused):
    """A text of the dossier names the patient, whom the operator must not know."""

    code = "request-names-patient"


class RequestDayWrong(InvalidInput):
    """The day of an event lies in the future, or before the event it follows."""

    code = "request-day-wrong"


class RequestFileWrong(InvalidInput):
    """What was typed does not fit the kind of request."""

    code = "request-file-wrong"


class LetterMissing(InvalidInput):
    """A grant is recorded with the letter that says it."""

    code = "request-letter-missing"


class TitleMissing(InvalidInput):
    """An attached document says what it is."""

    code = "request-title-missing"


def points_of(kind: DerogationKind, *, is_late_renewal: bool) -> tuple[Point, ...]:
    """Return the points that a request must answer: the review where several patients are meant, the tenth if late."""
    return tuple(
        point
        for point in POINTS
        if not (point.code == "review" and kind is DerogationKind.INDIVIDUAL)
        and not (point.code == "late_renewal" and not is_late_renewal)
    )


def missing_of(file: RequestFile, kind: DerogationKind, *, is_signed: bool) -> tuple[Missing, ...]:
    """Return what is missing before the dossier can be given to the operator.

    Args:
        file: as it was last saved.
        kind: of the derogation asked for.
        is_signed: the clinician's signature holds for the justification as it is.
    """
    found = []
    if not file.designation.strip():
        found.append(Missing("designation", N_("Designation of the device")))
    if file.manufacturer_id is None:
        found.append(Missing("manufacturer_id", N_("Manufacturer")))
    if not file.operator.strip():
        found.append(Missing("operator", N_("Market operator")))
    if kind is DerogationKind.INDIVIDUAL and file.patient_id is None:
        found.append(Missing("ipp", N_("Patient")))
    if not file.references:
        found.append(Missing("references", N_("References of the device")))
    for point in points_of(kind, is_late_renewal=file.is_late_renewal):
        is_brought = point.from_operator and point.code in file.from_operator
        if not file.text(point.code) and not is_brought:
            found.append(Missing(point.code, point.title, point.number))
    if not file.alternatives:
        found.append(Missing("alternatives", N_("Alternatives that were looked for")))
    if not is_signed:
        found.append(Missing("signature", N_("Signature of the clinician")))
    return tuple(found)


def justification_hash(file: RequestFile) -> str:
    """Return the SHA-256 of what the clinician signs: clinical points, alternatives, patient and device."""
    signed = {
        "designation": file.designation.strip(),
        "patient_id": str(file.patient_id or ""),
        "points": {point.code: file.text(point.code) for point in POINTS if point.is_clinical},
        "alternatives": [asdict(one) for one in file.alternatives],
        "is_late_renewal": file.is_late_renewal,
    }
    return hashlib.sha256(json.dumps(signed, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def state_after(kind: RequestEventKind, state: RequestState) -> RequestState:
    """Return the state after an event.

    Raises:
        RequestStateWrong: the event cannot happen from this state.
    """
    origins, result = TRANSITIONS[kind]
    if state not in origins:
        raise RequestStateWrong(
            N_("This request is '%(state)s': this step is not possible."),
            next_step=N_("Reload the page to see where the request stands."),
            state=state.value,
        )
    return result or state


def check_day(day: date, *, previous: date, today: date) -> None:
    """Check the day of an event.

    Raises:
        RequestDayWrong: in the future, or before the event that it follows.
    """
    if day > today:
        raise RequestDayWrong(
            N_("This day is in the future."), fields={"happened_on": N_("Give the day on which it happened.")}
        )
    if day < previous:
        raise RequestDayWrong(
            N_("This day is before the step it follows (%(previous_on)s)."),
            fields={"happened_on": N_("Give a day on or after the step before.")},
            previous_on=previous.isoformat(),
        )


def check_file(file: RequestFile, kind: DerogationKind) -> None:
    """Check that a file may be saved; an incomplete one may.

    Raises:
        RequestFileWrong: a patient where the kind names none.
    """
    if file.patient_id is not None and kind is not DerogationKind.INDIVIDUAL:
        raise RequestFileWrong(
            N_("Only an individual request names a patient."),
            fields={"ipp": N_("Leave it empty for this kind of request.")},
        )


def texts_for_operator(file: RequestFile, titles: Iterable[str]) -> dict[str, str]:
    """Return every free text that the dossier prints, by the field it was typed in."""
    alternatives = " ".join(f"{one.name} {one.why_not}" for one in file.alternatives)
    return {
        "designation": file.designation,
        "operator": file.operator,
        "implanted_system": file.implanted_system,
        "references": " ".join(file.references),
        "alternatives": alternatives,
        "attachments": " ".join(titles),
        **{point.code: file.text(point.code) for point in POINTS},
    }


def check_pseudonymous(file: RequestFile, titles: Iterable[str], *, identity: Identity | None) -> None:
    """Check that the dossier tells the operator nothing by which the patient could be known.

    Raises:
        RequestNamesPatient: each field that does is named.
    """
    found = find_identity(texts_for_operator(file, titles), identity) if identity else ()
    if found:
        raise RequestNamesPatient(
            N_("The dossier would name the patient (%(fields)s). Nothing was given."),
            next_step=N_("Write “the patient” instead, in each of these fields."),
            fields=", ".join(found),
        )


def is_still(moved_at: datetime, *, now: datetime, patience: timedelta) -> bool:
    """Test whether nothing has moved for so long that people are reminded."""
    return now - moved_at >= patience


def request_number(number: int) -> str:
    """Return a request's number as people see it.

    >>> request_number(7)
    'DD-00007'
    """
    return f"DD-{number:05}"


def pseudonym(number: int) -> str:
    """Return the name under which the operator knows the patient: the number of the request, nothing of the person.

    >>> pseudonym(7)
    'PATIENT-DD-00007'
    """
    return f"PATIENT-{request_number(number)}"


def file_to_json(file: RequestFile) -> bytes:
    """Return a file as it is sealed."""
    return json.dumps(
        asdict(file)
        | {
            "manufacturer_id": str(file.manufacturer_id) if file.manufacturer_id else None,
            "patient_id": str(file.patient_id) if file.patient_id else None,
            "from_operator": sorted(file.from_operator),
            "left_out": sorted(str(one) for one in file.left_out),
        },
        ensure_ascii=False,
    ).encode()


def file_from_json(content: bytes) -> RequestFile:
    """Return a file from what was sealed."""
    values = json.loads(content)
    return RequestFile(
        designation=values["designation"],
        domain=Domain(values["domain"]),
        manufacturer_id=UUID(values["manufacturer_id"]) if values["manufacturer_id"] else None,
        operator=values["operator"],
        patient_id=UUID(values["patient_id"]) if values["patient_id"] else None,
        implanted_system=values["implanted_system"],
        references=tuple(values["references"]),
        points=values["points"],
        from_operator=frozenset(values["from_operator"]),
        alternatives=tuple(Alternative(**one) for one in values["alternatives"]),
        is_late_renewal=values["is_late_renewal"],
        left_out=frozenset(UUID(one) for one in values["left_out"]),
    )
