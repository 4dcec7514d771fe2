"""Actions on examinations after a use: note those that uses require, record what became of one."""

from datetime import date, datetime
from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker import db
from tracker.actor import Actor, Permission
from tracker.audit import service as audit
from tracker.errors import check_same_request
from tracker.examinations import queries, rules
from tracker.examinations.models import Examination, ExaminationOutcome
from tracker.examinations.rules import NewOutcome, OutcomeKind


def note_required(session: Session, *, actor: Actor, now: datetime) -> int:
    """Note the examinations of uses that were recorded lately, each once; return how many are new.

    Raises:
        NotPermitted: the actor may not record uses.
    """
    actor.require(Permission.USE_WRITE)
    rows = [
        {
            "id": uuid5(use.origin_id, f"{one.due_on.isoformat()} {one.what}"),
            "establishment_id": actor.establishment_id,
            "use_id": use.id,
            "due_on": one.due_on,
            "what": one.what,
            "required_at": use.recorded_at,
        }
        for use in queries.list_new_uses(session)
        for one in rules.required_by(use.findings)
    ]
    if not rows:
        return 0
    statement = upsert(Examination).on_conflict_do_nothing().returning(Examination.id, Examination.use_id)
    made = session.execute(statement, rows).all()
    acts = [audit.Act("examination:noted", f"examination:{row.id}", {"use": str(row.use_id)}) for row in made]
    audit.append_many(session, actor=actor, acts=acts, now=now)
    return len(made)


def record_outcome(
    session: Session,
    outcome_id: UUID,
    *,
    examination_id: UUID,
    new: NewOutcome,
    actor: Actor,
    now: datetime,
    today: date,
) -> ExaminationOutcome:
    """Record what became of an examination, or that it is taken up again; the same request again is the same fact.

    Raises:
        NotPermitted: the actor may not record uses.
        ExaminationNotFound: there is none with this id here.
        OutcomeNotPossible: somebody else said it already.
        OutcomeInvalid: the day cannot be, or the reason is missing.
        RequestIdReused: the id belongs to another fact.
    """
    actor.require(Permission.USE_WRITE)
    queries.lock_examination(session, examination_id)
    line = queries.get_examination(session, examination_id)
    existing = session.get(ExaminationOutcome, outcome_id)
    if existing is not None:
        earlier = (existing.examination_id, existing.kind, existing.happened_on, queries.read_note(session, existing))
        asked = (examination_id, new.kind, new.happened_on, new.note.strip())
        check_same_request(is_same=earlier == asked)
        return existing
    examination = line.examination
    rules.check_outcome(new, is_closed=examination.closed_at is not None, used_on=line.use.used_on, today=today)
    outcome = _insert(session, outcome_id, examination_id=examination_id, new=new, actor=actor, now=now)
    examination.closed_at = None if new.kind is OutcomeKind.REOPENED else now
    audit.append(
        session,
        actor=actor,
        action=f"examination:{new.kind.value.replace('_', '-')}",
        subject=f"examination:{examination_id}",
        details={"use": str(examination.use_id), "happened_on": new.happened_on.isoformat()},
        now=now,
    )
    return outcome


def _insert(
    session: Session, outcome_id: UUID, *, examination_id: UUID, new: NewOutcome, actor: Actor, now: datetime
) -> ExaminationOutcome:
    values = {
        "id": outcome_id,
        "establishment_id": actor.establishment_id,
        "examination_id": examination_id,
        "kind": new.kind,
        "happened_on": new.happened_on,
        "sealed_note": db.keyring(session).seal(new.note.strip().encode(), context=queries.note_context(outcome_id)),
        "recorded_at": now,
        "recorded_by_id": actor.id,
        "recorded_by_name": actor.display_name,
    }
    statement = upsert(ExaminationOutcome).values(values).on_conflict_do_nothing().returning(ExaminationOutcome)
    outcome: ExaminationOutcome | None = session.scalar(statement)
    check_same_request(is_same=outcome is not None)  # the id of another establishment's row, which nobody sees here
    return session.get_one(ExaminationOutcome, outcome_id)
