"""Loads a list of derogations, written in the documented form, into the register."""

from dataclasses import astuple, dataclass
from datetime import date, datetime
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.catalogue import queries as catalogue
from tracker.catalogue import service as catalogue_service
from tracker.catalogue.rules import NewManufacturer
from tracker.derogations import service as derogations
from tracker.derogations.models import Decision, Derogation
from tracker.derogations.rules import DecisionKind, DerogationKind, Domain
from tracker.derogations.service import NewDecision, NewDerogation, NewReference
from tracker.errors import N_, Conflict, InvalidInput


class RegisterUnreadable(InvalidInput):
    """A list of derogations does not have the documented form; nothing was loaded."""

    code = "register-unreadable"


class ListedDecision(BaseModel):
    """One decision of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    kind: DecisionKind
    effective_from: date
    valid_until: date | None = None
    decided_on: date | None = None
    reference: str = ""
    patient_cap: int | None = None
    note: str = ""
    references: tuple[NewReference, ...] = ()


class ListedDerogation(BaseModel):
    """One derogation of a list. ``key`` never changes: it is how a second loading finds what the first one wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    kind: DerogationKind
    domain: Domain
    company: str
    designation: str
    legal_basis: str
    partial_revision_only: bool
    implanted_system: str = ""
    scope_text: str = ""
    is_fictional: bool = False
    decisions: tuple[ListedDecision, ...]


class ListedRegister(BaseModel):
    """A list of derogations (docs/derogations.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    derogations: tuple[ListedDerogation, ...]


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
        listed = ListedRegister.model_validate(register)
    except ValidationError as error:
        fields = {".".join(str(part) for part in item["loc"]): item["msg"] for item in error.errors()}
        raise RegisterUnreadable(
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


def _load(session: Session, one: ListedDerogation, *, source: str, actor: Actor, now: datetime) -> LoadReport:
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
    session: Session, derogation_id: UUID, one: ListedDecision, *, source: str, actor: Actor, now: datetime
) -> bool:
    """Record one decision of a list; return False when it was there."""
    decision_id = uuid5(derogation_id, one.key)
    if session.get(Decision, decision_id) is not None:
        return False
    new = NewDecision(
        **one.model_dump(exclude={"key", "references"}),
        derogation_id=derogation_id,
        source=source,
        added=one.references,
    )
    derogations.record_decision(session, decision_id, new=new, actor=actor, now=now)
    return True


def _manufacturer_id(session: Session, name: str, *, actor: Actor, now: datetime) -> UUID:
    """Return the manufacturer of a name, added where there is none; capitals do not count."""
    known = {row.name.casefold(): row.id for row in catalogue.list_manufacturers(session)}
    if name.casefold() in known:
        return known[name.casefold()]
    new = NewManufacturer(name=name)
    return catalogue_service.create_manufacturer(session, db.new_id(), new=new, actor=actor, now=now).id
