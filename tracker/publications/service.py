"""Actions on ANSM's list: keep and read a file, approve or decline one difference; load our own form as it is.

A difference changes nothing until a pharmacist approves it. Whoever decides on a line waits for whoever already does.
"""

import hashlib
from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from pydantic import ValidationError
from sqlalchemy import insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.ansm.rules import Reading
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.rules import NewManufacturer
from tracker.derogations import queries as register
from tracker.derogations import service as derogations
from tracker.derogations.models import Decision, Derogation
from tracker.derogations.rules import DerogationKind, Domain
from tracker.derogations.service import NewAlias, NewDecision, NewDerogation, NewReference
from tracker.documents import queries as documents
from tracker.documents import service as documents_service
from tracker.documents.models import DocumentKind
from tracker.documents.service import NewFile
from tracker.effects import service as effects
from tracker.errors import N_, Conflict, InvalidInput, check_same_request
from tracker.publications import queries, rules
from tracker.publications.models import LineDecision, Outcome, Publication, PublicationLine, ReadingState
from tracker.publications.rules import LineKind

_LEASE = timedelta(minutes=2)
_MOST_ATTEMPTS = 3
_LEGAL_BASIS = "Règlement (UE) 2017/745, article 59 ; code de la santé publique, article R.5211-19"
"""As ANSM's page cites it for the annual derogations; a stored value, so not translated."""


class LineNotApprovable(Conflict):
    """Nothing can be recorded from this line: it tells what a person must look at."""

    code = "publication-line-not-approvable"


class LineDecided(Conflict):
    """The line is approved: what it recorded can be corrected on the derogation only."""

    code = "publication-line-decided"


class MatchUnconfirmed(InvalidInput):
    """The names differ, and nobody said that they mean the same derogation."""

    code = "publication-match-unconfirmed"


class ReasonMissing(InvalidInput):
    """A line is declined for a written reason."""

    code = "publication-reason-missing"


@dataclass(frozen=True, slots=True)
class NewPublication:
    """A file that somebody uploads as ANSM's list."""

    filename: str
    """Its end tells YAML and CSV from a page."""
    content: bytes
    listed_on: date | None = None
    """The day of the list; None takes the one that the page prints."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that a worker has taken to read it."""

    publication_id: UUID
    filename: str
    content: bytes


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a loading did, by key."""

    created: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    """Already there; a decision that the list adds was recorded."""
    differing: tuple[str, ...] = ()
    """There with another content, or with decisions that contradict the list: a person must look."""
    decision_count: int = 0
    """Decisions recorded."""


def load_register(session: Session, register: dict[str, object], *, actor: Actor, now: datetime) -> LoadReport:
    """Enter a list of derogations; loading it again changes nothing.

    Raises:
        RegisterUnreadable: the list does not have the documented form.
    """
    actor.require(Permission.DEROGATION_WRITE)
    try:
        listed = rules.FiledRegister.model_validate(register)
    except ValidationError as error:
        fields = {".".join(str(part) for part in item["loc"]): item["msg"] for item in error.errors()}
        raise rules.RegisterUnreadable(
            N_("The list of derogations cannot be read: %(where)s."), fields=fields, where=next(iter(fields))
        ) from error
    report = LoadReport()
    for one in listed.derogations:
        loaded = _load(session, one, source=listed.source, actor=actor, now=now)
        report = LoadReport(*(total + part for total, part in zip(astuple(report), astuple(loaded), strict=True)))
    if report.created or report.decision_count:
        audit.append(
            session,
            actor=actor,
            action="register:loaded",
            subject=f"establishment:{actor.establishment_id}",
            details={"created_count": str(len(report.created)), "decision_count": str(report.decision_count)},
            now=now,
        )
    return report


def _load(session: Session, one: rules.FiledDerogation, *, source: str, actor: Actor, now: datetime) -> LoadReport:
    derogation_id = uuid5(actor.establishment_id, f"derogation:{one.key}")
    is_new = session.get(Derogation, derogation_id) is None
    new = NewDerogation(
        **one.model_dump(exclude={"key", "company", "decisions"}),
        manufacturer_id=_manufacturer_id(session, one.company, actor=actor, now=now),
        source=source,
    )
    try:
        derogations.create_derogation(session, derogation_id, new=new, actor=actor, now=now)
        count = sum(
            _load_decision(session, derogation_id, decision, source=source, actor=actor, now=now)
            for decision in one.decisions
        )
    except Conflict:
        return LoadReport(differing=(one.key,))
    return LoadReport((one.key,) if is_new else (), () if is_new else (one.key,), (), count)


def _load_decision(
    session: Session, derogation_id: UUID, one: rules.FiledDecision, *, source: str, actor: Actor, now: datetime
) -> bool:
    """Record one decision of a list; return False when it was there."""
    decision_id = uuid5(derogation_id, one.key)
    if session.get(Decision, decision_id) is not None:
        return False
    new = NewDecision(
        **one.model_dump(exclude={"key", "references"}),
        derogation_id=derogation_id,
        source=source,
        added=tuple(NewReference(item.reference, item.label) for item in one.references),
    )
    derogations.record_decision(session, decision_id, new=new, actor=actor, now=now)
    return True


def _manufacturer_id(session: Session, name: str, *, actor: Actor, now: datetime) -> UUID:
    """Return the manufacturer of a name, added where there is none; capitals do not count."""
    known = catalogue.manufacturers_by_name(session)
    if name.casefold() in known:
        return known[name.casefold()]
    new = NewManufacturer(name=name)
    return catalogue_service.create_manufacturer(session, db.new_id(), new=new, actor=actor, now=now).id


def upload(session: Session, publication_id: UUID, *, new: NewPublication, actor: Actor, now: datetime) -> Publication:
    """Keep a file and queue it for reading; the same request again returns the same row.

    Raises:
        FileRefused: empty, or larger than 20 MB.
        RequestIdReused: the id belongs to another file.
    """
    actor.require(Permission.DEROGATION_WRITE)
    existing = session.get(Publication, publication_id)
    if existing is not None:
        kept = documents.get_document(session, existing.document_id)
        check_same_request(is_same=kept.sha256 == hashlib.sha256(new.content).hexdigest())
        return existing
    subject = f"publication:{publication_id}"
    file = NewFile(DocumentKind.PUBLICATION, subject, new.filename, new.content, has_patient_data=False)
    document = documents_service.freeze(session, file, actor=actor, now=now)
    values = {
        "id": publication_id,
        "establishment_id": actor.establishment_id,
        "document_id": document.id,
        "listed_on": new.listed_on,
        "uploaded_at": now,
        "uploaded_by_id": actor.id,
        "uploaded_by_name": actor.display_name,
        "state": ReadingState.QUEUED,
        "attempt_count": 0,
        "pages_read": 0,
        "fault": "",
        "fault_where": "",
        "listed_count": 0,
        "unchanged_count": 0,
    }
    made = session.scalars(upsert(Publication).values(values).on_conflict_do_nothing().returning(Publication)).all()
    check_same_request(is_same=bool(made))  # sent twice at once: the second finds the first at its next try
    audit.append(
        session,
        actor=actor,
        action="publication:uploaded",
        subject=subject,
        details={"document_id": str(document.id), "sha256": document.sha256},
        now=now,
    )
    return made[0]


def receive(
    session: Session, publication_id: UUID, *, new: NewPublication, actor: Actor, now: datetime, today: date
) -> Publication:
    """Keep a file, and read it at once unless it is a PDF or large: those are left to the worker.

    A file that cannot be read is kept too, with the reason.

    Raises:
        FileRefused, RequestIdReused: see :func:`upload`.
    """
    publication = upload(session, publication_id, new=new, actor=actor, now=now)
    if publication.state is not ReadingState.QUEUED or not rules.is_read_at_once(new.content, new.filename):
        return publication
    try:
        reading = rules.read_file(new.content, filename=new.filename)
    except rules.ListUnreadable as fault:
        return fail_reading(session, publication_id, fault=fault, actor=actor, now=now)
    return finish_reading(session, publication_id, reading=reading, actor=actor, now=now, today=today)


def claim(session: Session, *, actor: Actor, now: datetime) -> Claimed | None:
    """Take the next file to read, until the lease ends; None when none waits.

    The attempt is counted before it is made: a file that ends its worker is given up after the last one.
    """
    publication = queries.find_queued(session, now=now)
    while publication is not None and publication.attempt_count >= _MOST_ATTEMPTS:
        _finish(session, publication, ReadingState.FAILED, actor=actor, now=now)
        publication.fault = "reader-died"
        session.flush()  # it waits no longer
        publication = queries.find_queued(session, now=now)
    if publication is None:
        return None
    publication.attempt_count += 1
    publication.claimed_until = now + _LEASE
    file = documents.get_document(session, publication.document_id)
    return Claimed(publication.id, file.filename, documents.read_content(session, file.id))


def tell_progress(session: Session, publication_id: UUID, *, pages_read: int, page_count: int, now: datetime) -> None:
    """Note how far the reading is, and keep the lease; not an act of a person, so not in the trail."""
    values = {"pages_read": pages_read, "page_count": page_count, "claimed_until": now + _LEASE}
    session.execute(update(Publication).where(Publication.id == publication_id).values(values))


def finish_reading(
    session: Session, publication_id: UUID, *, reading: Reading, actor: Actor, now: datetime, today: date
) -> Publication:
    """Compare what was read with the register, and keep every difference; only once."""
    publication = queries.get_publication_for_update(session, publication_id)
    if publication.state is not ReadingState.QUEUED:
        return publication
    publication.listed_on = publication.listed_on or reading.updated_on or today
    companies = {one.company for one in reading.derogations}
    known = queries.list_register(session, companies=companies, day=today, known_at=now)
    comparison = rules.compare(reading, known, listed_on=publication.listed_on)
    rows = [
        {
            "id": uuid5(publication_id, f"line:{position}"),
            "establishment_id": publication.establishment_id,
            "publication_id": publication_id,
            "position": position,
            "kind": one.kind,
            "derogation_id": one.known.id if one.known else None,
            "is_certain": one.is_certain,
            "listed": rules.listed_as_json(one.listed) if one.listed else {},
            "reference": one.reference.reference if one.reference else "",
            "label": one.reference.label if one.reference else "",
            "told": one.text,
            "why": one.why,
        }
        for position, one in enumerate(comparison.differences)
    ]
    if rows:
        session.execute(insert(PublicationLine), rows)
    publication.listed_count = len(reading.derogations)
    publication.unchanged_count = comparison.unchanged_count
    _finish(session, publication, ReadingState.READ, actor=actor, now=now)
    return publication


def fail_reading(
    session: Session, publication_id: UUID, *, fault: rules.ListUnreadable, actor: Actor, now: datetime
) -> Publication:
    """Note why a file cannot be read; the file stays."""
    publication = queries.get_publication_for_update(session, publication_id)
    if publication.state is ReadingState.QUEUED:
        publication.fault, publication.fault_where = fault.fault, fault.where
        _finish(session, publication, ReadingState.FAILED, actor=actor, now=now)
    return publication


def _finish(session: Session, publication: Publication, state: ReadingState, *, actor: Actor, now: datetime) -> None:
    publication.state, publication.read_at, publication.claimed_until = state, now, None
    audit.append(
        session,
        actor=actor,
        action="publication:read",
        subject=f"publication:{publication.id}",
        details={"state": state.value, "listed_count": str(publication.listed_count)},
        now=now,
    )


def approve_line(
    session: Session, line_id: UUID, *, is_confirmed: bool, public_url: str, actor: Actor, now: datetime, today: date
) -> LineDecision:
    """Record in the register what one line says, with the file as its document; approved again, nothing is added.

    A withdrawal has its effect on the units in the same step.

    Args:
        session: the transaction.
        line_id: the line.
        is_confirmed: a pharmacist says that two names which differ mean one derogation.
        public_url: address of the program, for the mails of a withdrawal.
        actor: who.
        now: when.
        today: Paris calendar.

    Raises:
        PublicationNotFound: there is no such line here.
        LineNotApprovable: it only tells what a person must look at.
        MatchUnconfirmed: the names differ, and it is not confirmed that they mean the same.
        Conflict, InvalidInput: of the register, which does not take it.
    """
    actor.require(Permission.DEROGATION_WRITE)
    queries.lock_line(session, line_id)
    line = queries.get_line(session, line_id)
    approved = [made for made in queries.list_decisions(session, line_id) if made.outcome is Outcome.APPROVED]
    if approved:
        return approved[0]
    if line.kind in rules.FOR_A_PERSON:
        raise LineNotApprovable(
            N_("Nothing can be recorded from this line."),
            next_step=N_("Look it up, record what is needed on the derogation's page, then set the line aside."),
        )
    if not line.is_certain and not is_confirmed:
        raise MatchUnconfirmed(
            N_("The names differ: confirm that they mean the same derogation."),
            fields={"confirmed": N_("Compare both names, then tick the box.")},
        )
    derogation_id = _record(session, line, public_url=public_url, actor=actor, now=now, today=today)
    return _decide(session, line, Outcome.APPROVED, derogation_id=derogation_id, reason="", actor=actor, now=now)


def decline_line(session: Session, line_id: UUID, *, reason: str, actor: Actor, now: datetime) -> LineDecision:
    """Set one line aside for a written reason; it can still be approved later.

    Raises:
        PublicationNotFound: there is no such line here.
        ReasonMissing: nothing is written.
        LineDecided: it is approved.
    """
    actor.require(Permission.DEROGATION_WRITE)
    queries.lock_line(session, line_id)
    line = queries.get_line(session, line_id)
    if not reason.strip():
        raise ReasonMissing(N_("No reason is given."), fields={"reason": N_("Write why nothing is recorded.")})
    decisions = queries.list_decisions(session, line_id)
    if any(made.outcome is Outcome.APPROVED for made in decisions):
        raise LineDecided(
            N_("This line is approved: it cannot be set aside any more."),
            next_step=N_("If it was wrong, record a correction on the derogation's page."),
        )
    if decisions and decisions[-1].reason == reason.strip():
        return decisions[-1]
    return _decide(session, line, Outcome.DECLINED, derogation_id=None, reason=reason.strip(), actor=actor, now=now)


def _decide(
    session: Session,
    line: PublicationLine,
    outcome: Outcome,
    *,
    derogation_id: UUID | None,
    reason: str,
    actor: Actor,
    now: datetime,
) -> LineDecision:
    decision = LineDecision(
        id=db.new_id(),
        establishment_id=line.establishment_id,
        line_id=line.id,
        outcome=outcome,
        reason=reason,
        derogation_id=derogation_id,
        decided_at=now,
        decided_by_id=actor.id,
        decided_by_name=actor.display_name,
    )
    session.add(decision)
    session.flush()
    audit.append(
        session,
        actor=actor,
        action=f"publication-line:{outcome.value}",
        subject=f"publication:{line.publication_id}",
        details={"line_id": str(line.id), "kind": line.kind.value, "derogation_id": str(derogation_id or "")},
        now=now,
    )
    return decision


def _record(
    session: Session, line: PublicationLine, *, public_url: str, actor: Actor, now: datetime, today: date
) -> UUID:
    """Record what a line says in the register, and return on which derogation."""
    view = queries.get_publication(session, line.publication_id)
    listed_on = view.publication.listed_on or today
    source = f"{view.file.filename} ({listed_on:%d/%m/%Y})"
    derogation_id = line.derogation_id or _create(session, line, source=source, actor=actor, now=now)
    new = NewDecision(
        derogation_id=derogation_id,
        kind=rules.DECISION_KINDS[line.kind],
        effective_from=today if line.kind is LineKind.ENDED else listed_on,
        valid_until=_end_of(line) if line.kind in {LineKind.NEW, LineKind.EXTENDED} else None,
        note=rules.NOTES[line.kind],
        source=source,
        document_id=view.publication.document_id,
        added=_added(line),
        removed=(line.reference,) if line.kind is LineKind.REFERENCE_REMOVED else (),
    )
    decision_id = uuid5(line.id, "decision")
    effects.record_decision(session, decision_id, new=new, public_url=public_url, actor=actor, now=now, today=today)
    if not line.is_certain:
        _confirm_name(session, line, derogation_id, source=source, actor=actor, now=now)
    return derogation_id


def _end_of(line: PublicationLine) -> date | None:
    end = line.listed["valid_until"]
    return date.fromisoformat(end) if end else None


def _added(line: PublicationLine) -> tuple[NewReference, ...]:
    if line.kind is LineKind.REFERENCE_ADDED:
        return (NewReference(line.reference, line.label),)
    if line.kind is LineKind.NEW and line.derogation_id is None:
        return tuple(NewReference(**item) for item in line.listed["references"])
    return ()


def _create(session: Session, line: PublicationLine, *, source: str, actor: Actor, now: datetime) -> UUID:
    """Enter a derogation that the register does not have."""
    listed = line.listed
    is_partial = listed["partial_revision"]
    new = NewDerogation(
        kind=DerogationKind.PARTIAL_REVISION if is_partial else DerogationKind.GLOBAL,
        domain=Domain(listed["domain"]),
        designation=listed["title"],
        manufacturer_id=_manufacturer_id(session, listed["company"], actor=actor, now=now),
        source=source,
        legal_basis=_LEGAL_BASIS,
        partial_revision_only=is_partial,
        scope_text=listed["scope_text"],
    )
    derogation_id = uuid5(line.id, "derogation")
    derogations.create_derogation(session, derogation_id, new=new, actor=actor, now=now)
    return derogation_id


def _confirm_name(
    session: Session, line: PublicationLine, derogation_id: UUID, *, source: str, actor: Actor, now: datetime
) -> None:
    """Keep the list's spelling as another name of the derogation: the next list is then known by it."""
    title = line.listed["title"]
    known = {alias.name for alias in register.list_aliases(session, derogation_id)}
    if title not in known | {register.get_derogation(session, derogation_id).designation}:
        alias = NewAlias(derogation_id=derogation_id, name=title, source=source)
        derogations.add_alias(session, uuid5(line.id, "alias"), new=alias, actor=actor, now=now)
