"""Actions on the way to the CE mark: a statement, what a document calls a device, why it may say it otherwise."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.conformity import queries, rules
from tracker.conformity.models import ConformityExplanation, ConformityNaming, ConformityStatement
from tracker.conformity.rules import Aspect, ExplanationWrong, NamingWrong, Pathway, Place, StatementWrong
from tracker.derogations import queries as derogations
from tracker.errors import N_, check_same_request


@dataclass(frozen=True, slots=True)
class NewStatement:
    """What was stated of the way to the CE mark, where and when."""

    derogation_id: UUID
    pathway: Pathway
    stated_on: date
    source: str
    reference: str = ""
    """The one device it is about; empty: every device of the derogation."""


@dataclass(frozen=True, slots=True)
class NewNaming:
    """What one document calls the device; what it does not mention is an empty text."""

    derogation_id: UUID
    place: Place
    title: str
    designation: str = ""
    model: str = ""
    indication: str = ""
    population: str = ""
    manufacturer: str = ""


@dataclass(frozen=True, slots=True)
class NewExplanation:
    """Why a document may say an aspect differently."""

    derogation_id: UUID
    aspect: Aspect
    value: str
    reason: str


def record_statement(
    session: Session, statement_id: UUID, *, new: NewStatement, actor: Actor, now: datetime, today: date
) -> ConformityStatement:
    """Record what was stated of the way to the CE mark; the same request again returns the same row.

    Raises:
        DerogationNotFound: there is no such derogation here.
        StatementWrong: it contradicts itself, is dated in the future, or has no source.
        RequestIdReused: the id belongs to another statement.
    """
    actor.require(Permission.DEROGATION_WRITE)
    derogations.lock_derogation(session, new.derogation_id)
    derogations.get_derogation(session, new.derogation_id)
    values = {
        "derogation_id": new.derogation_id,
        "reference": new.reference.strip(),
        "stated_on": new.stated_on,
        **asdict(new.pathway),
        "certificates": [asdict(certificate) for certificate in new.pathway.certificates],
        "milestones": [
            {"due_on": milestone.due_on.isoformat(), "what": milestone.what} for milestone in new.pathway.milestones
        ],
        "source": new.source.strip(),
    }
    existing = session.get(ConformityStatement, statement_id)
    if existing is not None:
        check_same_request(is_same=all(getattr(existing, name) == value for name, value in values.items()))
        return existing
    rules.check_pathway(new.pathway, today=today)
    if not new.source.strip() or new.stated_on > today:
        raise StatementWrong(
            N_("A statement has a source, and a day that is not after today."),
            fields={"source": N_("Say which document states it."), "stated_on": N_("Give the day of the document.")},
        )
    values |= _signed(statement_id, actor=actor, now=now)
    written = session.scalars(
        upsert(ConformityStatement).values(values).on_conflict_do_nothing().returning(ConformityStatement)
    ).all()
    check_same_request(is_same=bool(written))
    audit.append(
        session,
        actor=actor,
        action="conformity:stated",
        subject=f"derogation:{new.derogation_id}",
        details={"statement_id": str(statement_id), "risk_class": new.pathway.risk_class.value},
        now=now,
    )
    return written[0]


def record_naming(
    session: Session, naming_id: UUID, *, new: NewNaming, actor: Actor, now: datetime
) -> ConformityNaming:
    """Record what a document calls the device; the same request again returns the same row.

    Raises:
        DerogationNotFound: there is no such derogation here.
        NamingWrong: it says nothing, or not which document.
        RequestIdReused: the id belongs to another naming.
    """
    actor.require(Permission.DEROGATION_WRITE)
    derogations.lock_derogation(session, new.derogation_id)
    derogations.get_derogation(session, new.derogation_id)
    existing = session.get(ConformityNaming, naming_id)
    if existing is not None:
        check_same_request(is_same=all(getattr(existing, name) == value for name, value in asdict(new).items()))
        return existing
    if not new.title.strip() or not any(getattr(new, aspect.value).strip() for aspect in Aspect):
        raise NamingWrong(
            N_("Say which document it is, and at least one thing that it says."),
            fields={"title": N_("Name the document, with its edition or day.")},
        )
    values = {**asdict(new), **_signed(naming_id, actor=actor, now=now)}
    written = session.scalars(
        upsert(ConformityNaming).values(values).on_conflict_do_nothing().returning(ConformityNaming)
    ).all()
    check_same_request(is_same=bool(written))
    audit.append(
        session,
        actor=actor,
        action="conformity:named",
        subject=f"derogation:{new.derogation_id}",
        details={"naming_id": str(naming_id), "place": new.place.value},
        now=now,
    )
    return written[0]


def explain(
    session: Session, explanation_id: UUID, *, new: NewExplanation, actor: Actor, now: datetime, today: date
) -> ConformityExplanation:
    """Record why a document may say an aspect differently; the same request again returns the same row.

    Raises:
        DerogationNotFound: there is no such derogation here.
        ExplanationWrong: there is no reason, or no such difference without an explanation.
        RequestIdReused: the id belongs to another explanation.
    """
    actor.require(Permission.DEROGATION_WRITE)
    derogations.lock_derogation(session, new.derogation_id)
    sheet = derogations.get_sheet(session, new.derogation_id, day=today, known_at=now)
    existing = session.get(ConformityExplanation, explanation_id)
    if existing is not None:
        check_same_request(is_same=all(getattr(existing, name) == value for name, value in asdict(new).items()))
        return existing
    found = queries.compare(session, sheet).differences
    is_open = any(one.aspect is new.aspect and new.value in one.unexplained for one in found)
    if not new.reason.strip() or not is_open:
        raise ExplanationWrong(
            N_("There is no reason, or nothing to explain any more."),
            fields={"reason": N_("Say why this document may say it so.")},
            next_step=N_("Reload the page and explain what it still shows."),
        )
    values = {**asdict(new), **_signed(explanation_id, actor=actor, now=now)}
    written = session.scalars(
        upsert(ConformityExplanation).values(values).on_conflict_do_nothing().returning(ConformityExplanation)
    ).all()
    check_same_request(is_same=bool(written))
    audit.append(
        session,
        actor=actor,
        action="conformity:explained",
        subject=f"derogation:{new.derogation_id}",
        details={"explanation_id": str(explanation_id), "aspect": new.aspect.value},
        now=now,
    )
    return written[0]


def _signed(row_id: UUID, *, actor: Actor, now: datetime) -> dict[str, object]:
    return {
        "id": row_id,
        "establishment_id": actor.establishment_id,
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
