"""Actions on the register: a derogation, its decisions, its scope.

Everything is appended. Whoever writes on one derogation waits for whoever already does, so that two decisions recorded
at once are checked against each other, and one request sent twice is one row.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from uuid import UUID, uuid5

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.derogations import queries, rules
from tracker.derogations.models import Alias, Calendar, Decision, Derogation, ScopeEntry
from tracker.derogations.rules import DecisionFacts, DecisionKind, DerogationKind, Domain
from tracker.documents import queries as documents
from tracker.documents import service as documents_service
from tracker.documents.models import Document, DocumentKind
from tracker.documents.service import NewFile
from tracker.errors import N_, InvalidInput, check_same_request
from tracker.patients import queries as patients
from tracker.terms import rules as terms
from tracker.terms.rules import Conditions, ScopeChangeKind, ScopeWrong


class DerogationIncomplete(InvalidInput):
    """Something a derogation of this kind must say is missing, or says what it cannot."""

    code = "derogation-incomplete"


class AliasWrong(InvalidInput):
    """Another spelling is empty, known already, or of unknown origin."""

    code = "alias-wrong"


@dataclass(frozen=True, slots=True)
class NewDerogation:
    """What is known of a new derogation."""

    kind: DerogationKind
    domain: Domain
    designation: str
    manufacturer_id: UUID
    source: str
    legal_basis: str = ""
    partial_revision_only: bool = False
    implanted_system: str = ""
    scope_text: str = ""
    patient_id: UUID | None = None
    pseudonym: str = ""
    """How the letter calls the one patient; sealed."""
    is_fictional: bool = False


@dataclass(frozen=True, slots=True)
class NewReference:
    """A reference that enters the scope, with its label as printed."""

    reference: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class NewDecision:
    """One decision as its letter says it."""

    derogation_id: UUID
    kind: DecisionKind
    effective_from: date
    valid_until: date | None = None
    decided_on: date | None = None
    received_on: date | None = None
    reference: str = ""
    patient_cap: int | None = None
    conditions: Conditions | None = None
    """All of them from this decision on; None leaves what was."""
    note: str = ""
    source: str = ""
    document: NewFile | None = None
    """The letter; what it is about is set here."""
    document_id: UUID | None = None
    """Instead of a letter: a file that is frozen already, such as ANSM's list."""
    corrects_id: UUID | None = None
    added: tuple[NewReference, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewAlias:
    """Another spelling of the designation, and where it is written so."""

    derogation_id: UUID
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class NewScope:
    """References that enter or leave a scope by the pharmacist's written reading of it."""

    derogation_id: UUID
    effective_from: date
    reading: str
    added: tuple[NewReference, ...] = ()
    removed: tuple[str, ...] = ()


_STATED = (
    "derogation_id",
    "kind",
    "effective_from",
    "valid_until",
    "decided_on",
    "received_on",
    "reference",
    "patient_cap",
    "note",
    "source",
    "corrects_id",
)
"""What a decision says, apart from its letter, its conditions and its references."""


def create_derogation(
    session: Session, derogation_id: UUID, *, new: NewDerogation, actor: Actor, now: datetime
) -> Derogation:
    """Enter a derogation in the register, without any decision yet; the same request again returns the same row.

    Raises:
        DerogationIncomplete: something is missing, or does not fit the kind.
        ManufacturerNotFound: there is no such manufacturer here.
        PatientNotFound: there is no such patient here.
        RequestIdReused: the id belongs to something else.
    """
    actor.require(Permission.DEROGATION_WRITE)
    queries.lock_derogation(session, derogation_id)
    existing = session.get(Derogation, derogation_id)
    if existing is not None:
        is_same = all(getattr(existing, name) == value for name, value in _header(new).items())
        check_same_request(is_same=is_same and queries.read_pseudonym(session, existing) == new.pseudonym)
        return existing
    _check_derogation(new)
    maker = catalogue.lock_manufacturers(session, [new.manufacturer_id])[new.manufacturer_id]  # nobody merges it now
    new = replace(new, manufacturer_id=maker.in_use_id)
    if new.patient_id is not None:
        patients.get_patient(session, new.patient_id)
    values = {
        **_header(new),
        "sealed_pseudonym": _seal_pseudonym(session, derogation_id, new.pseudonym),
        "id": derogation_id,
        "establishment_id": actor.establishment_id,
        "recorded_at": now,
        "recorded_by_id": actor.id,
    }
    created = session.scalars(upsert(Derogation).values(values).on_conflict_do_nothing().returning(Derogation)).all()
    check_same_request(is_same=bool(created))  # nothing is made when the id is that of another establishment's row
    write_calendar(session, derogation_id)
    audit.append(
        session,
        actor=actor,
        action="derogation:created",
        subject=f"derogation:{derogation_id}",
        details={"kind": new.kind.value, "domain": new.domain.value, "manufacturer_id": str(new.manufacturer_id)},
        now=now,
    )
    return created[0]


def _header(new: NewDerogation) -> dict[str, object]:
    """Return what a derogation says of itself, by column; the pseudonym is kept sealed."""
    told = asdict(new)
    del told["pseudonym"]
    return told


def _seal_pseudonym(session: Session, derogation_id: UUID, pseudonym: str) -> bytes | None:
    context = f"derogation.pseudonym:{derogation_id}"
    return db.keyring(session).seal(pseudonym.encode(), context=context) if pseudonym else None


def _check_derogation(new: NewDerogation) -> None:
    if not new.designation.strip():
        raise DerogationIncomplete(
            N_("A derogation has a designation."), fields={"designation": N_("Type it as the decision prints it.")}
        )
    may_name = {DerogationKind.INDIVIDUAL, DerogationKind.IVD}  # one for an IVD may be for one patient: domain ref. 1.2
    if (new.patient_id is None and new.kind is DerogationKind.INDIVIDUAL) or (
        new.patient_id and new.kind not in may_name
    ):
        raise DerogationIncomplete(
            N_("An individual derogation names one patient; one for an in vitro diagnostic may; no other kind does."),
            fields={"ipp": N_("Give the IPP for an individual derogation, and only then.")},
            next_step=N_("Check the kind of derogation and the patient."),
        )
    if new.pseudonym and new.patient_id is None:
        raise DerogationIncomplete(
            N_("The pseudonym of the letter belongs to a patient, and none is named."),
            fields={"ipp": N_("Give the IPP of the patient whom the letter calls so.")},
        )
    if new.kind is DerogationKind.PARTIAL_REVISION and not new.partial_revision_only:
        raise DerogationIncomplete(
            N_("An annual derogation of this kind covers partial revisions only (CSP R.5211-19)."),
            fields={"partial_revision_only": N_("Tick it, or choose another kind.")},
        )


def record_decision(session: Session, decision_id: UUID, *, new: NewDecision, actor: Actor, now: datetime) -> Decision:
    """Record one decision on a derogation, with its letter frozen; the same request again returns the same row.

    Raises:
        DerogationNotFound: there is no such derogation here.
        DecisionDatesWrong, DecisionIncomplete, CorrectionRefused, AlreadyRecorded, DecisionContradicts: of the rules.
        ScopeWrong: a reference is empty, given twice, or leaves a scope it is not in.
        FileRefused: the letter is empty, too large or of another kind.
        RequestIdReused: the id belongs to another decision.
    """
    actor.require(Permission.DEROGATION_WRITE)
    queries.lock_derogation(session, new.derogation_id)
    derogation = queries.get_derogation(session, new.derogation_id)
    existing = session.get(Decision, decision_id)
    if existing is not None:
        check_same_request(is_same=_says_the_same(session, existing, new))
        return existing
    new = _naming_what_it_ends(session, new)
    _check_new_decision(session, decision_id, new, now=now)
    letter = _letter_of(session, derogation, new, actor=actor, now=now)
    values = {
        **_stated(new),
        "id": decision_id,
        "establishment_id": actor.establishment_id,
        "document_id": letter.id if letter else None,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    recorded = session.scalars(upsert(Decision).values(values).on_conflict_do_nothing().returning(Decision)).all()
    check_same_request(is_same=bool(recorded))  # nothing is made when the id is that of another establishment's row
    _append_scope(session, decision_id, _scope_of(new), decision_id=decision_id, actor=actor, now=now)
    write_calendar(session, new.derogation_id)
    audit.append(
        session,
        actor=actor,
        action="decision:recorded",
        subject=f"derogation:{new.derogation_id}",
        details=_audited(decision_id, new, sha256=letter.sha256 if letter else ""),
        now=now,
    )
    return recorded[0]


def _naming_what_it_ends(session: Session, new: NewDecision) -> NewDecision:
    """Return an end of a suspension with the suspension that begins on its very day, as what it corrects."""
    if new.kind is not DecisionKind.REINSTATED or new.corrects_id is not None:
        return new
    recorded = [queries.decision_facts(row) for row in queries.list_decisions(session, new.derogation_id)]
    return replace(new, corrects_id=rules.suspension_begun_on(recorded, new.effective_from))


def _stated(new: NewDecision) -> dict[str, object]:
    told = {name: getattr(new, name) for name in _STATED}
    return {**told, "conditions": new.conditions.as_json() if new.conditions else None}


def _check_new_decision(session: Session, decision_id: UUID, new: NewDecision, *, now: datetime) -> None:
    facts = DecisionFacts(
        id=decision_id,
        kind=new.kind,
        effective_from=new.effective_from,
        valid_until=new.valid_until,
        patient_cap=new.patient_cap,
        decided_on=new.decided_on,
        recorded_at=now,
        corrects_id=new.corrects_id,
        conditions=new.conditions,
        received_on=new.received_on,
    )
    if new.conditions is not None:
        terms.check_conditions(new.conditions)
    recorded = [queries.decision_facts(row) for row in queries.list_decisions(session, new.derogation_id)]
    rules.check_decision(
        recorded,
        facts,
        today=queries.paris_day(now),
        changes_scope=bool(new.added or new.removed),
        has_note=bool(new.note.strip()),
    )
    _check_scope(session, _scope_of(new), now=now)


def _says_the_same(session: Session, existing: Decision, new: NewDecision) -> bool:
    if new.document_id is None:
        sha256 = hashlib.sha256(new.document.content).hexdigest() if new.document else None
        stored = documents.get_document(session, existing.document_id).sha256 if existing.document_id else None
        is_same_file = sha256 == stored
    else:
        is_same_file = new.document_id == existing.document_id
    if new.kind is DecisionKind.REINSTATED and new.corrects_id is None:
        new = replace(new, corrects_id=existing.corrects_id)  # the register named what it ends
    return is_same_file and all(getattr(existing, name) == value for name, value in _stated(new).items())


def _letter_of(
    session: Session, derogation: Derogation, new: NewDecision, *, actor: Actor, now: datetime
) -> Document | None:
    if new.document_id is not None:
        return documents.get_document(session, new.document_id)
    if new.document is None:
        return None
    file = replace(
        new.document,
        kind=DocumentKind.DECISION,
        subject=f"derogation:{derogation.id}",
        has_patient_data=derogation.patient_id is not None,
    )
    return documents_service.freeze(session, file, actor=actor, now=now)


def _audited(decision_id: UUID, new: NewDecision, *, sha256: str) -> dict[str, str]:
    """Return what the trail tells of a decision: no words that a person typed freely, except ANSM's number."""
    told = {
        "decision_id": str(decision_id),
        "kind": new.kind.value,
        "effective_from": new.effective_from.isoformat(),
        "valid_until": new.valid_until.isoformat() if new.valid_until else "",
        "patient_cap": str(new.patient_cap or ""),
        "states_conditions": "yes" if new.conditions else "",
        "reference": new.reference,
        "corrects_id": str(new.corrects_id or ""),
        "sha256": sha256,
        "added_count": str(len(new.added) or ""),
        "removed_count": str(len(new.removed) or ""),
    }
    return {name: value for name, value in told.items() if value}


def add_scope(session: Session, request_id: UUID, *, new: NewScope, actor: Actor, now: datetime) -> int:
    """Record the pharmacist's reading of a scope written in words; return how many entries were added.

    The same request again adds nothing and returns 0.

    Raises:
        DerogationNotFound: there is no such derogation here.
        ScopeWrong: nothing is given, no reading is written, or a reference cannot enter or leave.
    """
    actor.require(Permission.DEROGATION_WRITE)
    queries.lock_derogation(session, new.derogation_id)
    queries.get_derogation(session, new.derogation_id)
    if not new.added and not new.removed:
        raise ScopeWrong(N_("No reference is given."), fields={"references": N_("Type one reference per line.")})
    if not new.reading.strip():
        raise ScopeWrong(
            N_("A scope written in words is read by a pharmacist, who says why the reference is in it."),
            fields={"reading": N_("Write your reading of the decision.")},
        )
    ids = [_entry_id(request_id, change, reference) for change, reference, _ in _changes(new)]
    if session.scalars(select(ScopeEntry.id).where(ScopeEntry.id.in_(ids))).first() is not None:
        return 0
    _check_scope(session, new, now=now)
    count = _append_scope(session, request_id, new, decision_id=None, actor=actor, now=now)
    audit.append(
        session,
        actor=actor,
        action="scope:changed",
        subject=f"derogation:{new.derogation_id}",
        details={"added_count": str(len(new.added)), "removed_count": str(len(new.removed))},
        now=now,
    )
    return count


def _scope_of(new: NewDecision) -> NewScope:
    return NewScope(new.derogation_id, new.effective_from, "", new.added, new.removed)


def _changes(new: NewScope) -> list[tuple[ScopeChangeKind, str, str]]:
    added = [(ScopeChangeKind.ADDED, item.reference.strip(), item.label.strip()) for item in new.added]
    return added + [(ScopeChangeKind.REMOVED, reference.strip(), "") for reference in new.removed]


def _check_scope(session: Session, new: NewScope, *, now: datetime) -> None:
    changes = _changes(new)
    if not changes:
        return
    entries = [queries.scope_facts(entry) for entry in queries.list_scope(session, new.derogation_id)]
    present = terms.references_on(entries, new.effective_from, known_at=max([now, *(e.recorded_at for e in entries)]))
    terms.check_scope_change([(change, reference) for change, reference, _ in changes], present=present)


def _append_scope(
    session: Session, origin_id: UUID, new: NewScope, *, decision_id: UUID | None, actor: Actor, now: datetime
) -> int:
    """Append the entries of one decision or one reading; their ids follow from its id."""
    rows = [
        {
            "id": _entry_id(origin_id, change, reference),
            "establishment_id": actor.establishment_id,
            "derogation_id": new.derogation_id,
            "decision_id": decision_id,
            "change": change,
            "reference": reference,
            "label": label,
            "effective_from": new.effective_from,
            "reading": new.reading.strip(),
            "recorded_at": now,
            "recorded_by_id": actor.id,
        }
        for change, reference, label in _changes(new)
    ]
    if rows:
        session.execute(insert(ScopeEntry), rows)
    return len(rows)


def _entry_id(origin_id: UUID, change: ScopeChangeKind, reference: str) -> UUID:
    return uuid5(origin_id, f"{change.value}:{reference}")


def add_alias(session: Session, alias_id: UUID, *, new: NewAlias, actor: Actor, now: datetime) -> Alias:
    """Record another spelling of a designation; the same request again returns the same row.

    Raises:
        DerogationNotFound: there is no such derogation here.
        AliasWrong: it is empty, the designation itself, or known already.
        RequestIdReused: the id belongs to another spelling.
    """
    actor.require(Permission.DEROGATION_WRITE)
    queries.lock_derogation(session, new.derogation_id)
    derogation = queries.get_derogation(session, new.derogation_id)
    existing = session.get(Alias, alias_id)
    if existing is not None:
        told = (existing.derogation_id, existing.name, existing.source)
        check_same_request(is_same=told == (new.derogation_id, new.name, new.source))
        return existing
    known = {alias.name for alias in queries.list_aliases(session, new.derogation_id)} | {derogation.designation}
    if not new.name.strip() or not new.source.strip() or new.name in known:
        raise AliasWrong(
            N_("This spelling is empty, known already, or nothing says where it is written."),
            fields={"name": N_("Type the other spelling."), "alias_source": N_("Say where it is written so.")},
        )
    alias = Alias(
        id=alias_id,
        establishment_id=actor.establishment_id,
        derogation_id=new.derogation_id,
        name=new.name,
        source=new.source,
        recorded_at=now,
        recorded_by_id=actor.id,
        recorded_by_name=actor.display_name,
    )
    session.add(alias)
    session.flush()  # the calendar is written from the rows
    write_calendar(session, new.derogation_id)
    audit.append(
        session,
        actor=actor,
        action="alias:added",
        subject=f"derogation:{new.derogation_id}",
        details={"alias_id": str(alias_id), "name": new.name},
        now=now,
    )
    return alias


def write_calendar(session: Session, derogation_id: UUID) -> None:
    """Write what a derogation is worth on every day, from its decisions; the caller holds its lock."""
    values = queries.read_calendar(session, derogation_id)
    statement = upsert(Calendar).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
