"""What a suspension, a withdrawal and their end do: holds on every unit concerned, and mails to those who must know.

The holds follow the register: whoever calls :func:`apply`, and however often, the same holds stand afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from string import Template
from uuid import UUID, uuid5

from sqlalchemy import CursorResult, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from tracker.accounts.models import Person
from tracker.actor import Actor, Permission, Role
from tracker.audit import service as audit
from tracker.derogations import queries as derogations
from tracker.derogations import service as register
from tracker.derogations.models import Decision
from tracker.derogations.queries import DerogationStanding
from tracker.derogations.rules import DerogationStatus
from tracker.derogations.service import NewDecision, NewScope
from tracker.devices import rules as device_rules
from tracker.devices import service as devices
from tracker.devices.rules import HoldCause
from tracker.effects import queries, rules
from tracker.effects.models import Effect, source_ref
from tracker.effects.queries import Concerned, ShelfCount, Simulation
from tracker.operations import queries as operations
from tracker.organisation import queries as organisation
from tracker.organisation.rules import RecipientPurpose
from tracker.outbox import service as outbox
from tracker.outbox.rules import MessageKind
from tracker.outbox.service import NewMessage

_TEMPLATES = Path(__file__).parent / "templates" / "effects"
_TOLD_ROLES = (Role.PHARMACIST, Role.THEATRE_NURSE)
"""Who stands at the shelves: the pharmacy, and the theatre for the wards, which have no address of their own."""
_STATUS_FR = {DerogationStatus.SUSPENDED: "suspendue", DerogationStatus.WITHDRAWN: "retirée"}
_STATUS_EN = {DerogationStatus.SUSPENDED: "suspended", DerogationStatus.WITHDRAWN: "withdrawn"}


@dataclass(frozen=True, slots=True)
class EffectReport:
    """What was done for one derogation."""

    held_count: int = 0
    lifted_count: int = 0
    told_count: int = 0
    """People who get a mail."""


def record_decision(
    session: Session,
    decision_id: UUID,
    *,
    new: NewDecision,
    public_url: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> tuple[Decision, EffectReport]:
    """Record a decision with its effect on the units: both, or neither; the same request again adds nothing.

    Every page and every program records through this. Units are locked before the trail is (docs/decisions/0023).

    Raises:
        NotPermitted: the actor may not record, hold or release.
        DerogationNotFound, DecisionDatesWrong, DecisionIncomplete, CorrectionRefused, AlreadyRecorded,
        DecisionContradicts, ScopeWrong, FileRefused, RequestIdReused: of the register.
    """
    actor.require(Permission.DEROGATION_WRITE)
    derogations.lock_derogation(session, new.derogation_id)
    queries.lock_units(session, new.derogation_id)
    decision = register.record_decision(session, decision_id, new=new, actor=actor, now=now)
    report = apply(session, new.derogation_id, public_url=public_url, actor=actor, now=now, today=today)
    return decision, report


def add_scope(
    session: Session, request_id: UUID, *, new: NewScope, public_url: str, actor: Actor, now: datetime, today: date
) -> int:
    """Record the pharmacist's reading of a scope in words, and return how many entries were added.

    A reference that enters the scope of a derogation that is stopped has its units held in the same transaction.

    Raises:
        NotPermitted: the actor may not record, hold or release.
        DerogationNotFound, ScopeWrong: of the register.
    """
    actor.require(Permission.DEROGATION_WRITE)
    derogations.lock_derogation(session, new.derogation_id)
    queries.lock_units(session, new.derogation_id, entering=[one.reference.strip() for one in new.added])
    count = register.add_scope(session, request_id, new=new, actor=actor, now=now)
    apply(session, new.derogation_id, public_url=public_url, actor=actor, now=now, today=today)
    return count


def apply(
    session: Session, derogation_id: UUID, *, public_url: str, actor: Actor, now: datetime, today: date
) -> EffectReport:
    """Make the holds of a derogation what the register says today; done again, nothing is added.

    Suspended or withdrawn: every unit on hand that no other derogation in force covers is held, unless a pharmacist
    released it after this very decision; those who must know get one mail for each decision. Otherwise: the holds that
    earlier decisions set are released, and no other hold is touched.

    Args:
        session: the transaction of the cause.
        derogation_id: which derogation.
        public_url: address of the program, for the mails.
        actor: who recorded the decision, or the program.
        now: when.
        today: Paris calendar.

    Raises:
        NotPermitted: the actor may neither hold nor release.
        DerogationNotFound: there is no such derogation here.
    """
    actor.require(Permission.HOLD_OPEN)
    actor.require(Permission.HOLD_RELEASE)
    derogations.lock_derogation(session, derogation_id)
    queries.lock_units(session, derogation_id)
    sheet = derogations.get_sheet(session, derogation_id, day=today, known_at=now)
    if sheet.status in rules.STOPS and sheet.standing.decision_id is not None:
        return _stop(
            session, sheet, sheet.standing.decision_id, public_url=public_url, actor=actor, now=now, today=today
        )
    return _lift(session, sheet, actor=actor, now=now)


def note_reading(session: Session, derogation_id: UUID, *, found: Simulation, actor: Actor, now: datetime) -> None:
    """Write in the trail that somebody read which patients depend on a derogation; nothing where there are none."""
    actor.require(Permission.PATIENT_READ)
    if found.patient_ids:
        audit.append(
            session,
            actor=actor,
            action="effects:read",
            subject=f"derogation:{derogation_id}",
            details={"patients": str(len(found.patient_ids))},
            now=now,
        )


def _stop(
    session: Session,
    sheet: DerogationStanding,
    decision_id: UUID,
    *,
    public_url: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> EffectReport:
    concerned = queries.find_concerned(session, sheet.id, day=today, known_at=now)
    shelves = queries.list_shelves(session, concerned.definition_ids)
    held = _hold(session, concerned, decision_id, actor=actor, now=now)
    is_first = _note(session, sheet.id, decision_id, held_count=held, actor=actor, now=now)
    told = 0
    if is_first:
        told = _tell(session, concerned, shelves, public_url=public_url, actor=actor, now=now, today=today)
        session.execute(_SET_TOLD, {"told": told, "id": _effect_id(decision_id)})
    if held or is_first:
        _audit(session, sheet, "effects:applied", decision_id=decision_id, count=held, actor=actor, now=now)
    return EffectReport(held_count=held, told_count=told)


_SET_TOLD = text("update derogation_effect set told_count = :told where id = :id")
_ADD_HELD = text("update derogation_effect set held_count = held_count + :held where id = :id")
_HOLD = text(
    "with unit as (select id from device where definition_id = any(:definition_ids) and state = any(:states)"
    " order by sequence for no key update)"  # whoever is using one of them ends first, and then it is no longer on hand
    " insert into hold (id, establishment_id, device_id, cause, reason, source_ref, opened_at, opened_by_id,"
    " opened_by_name) select gen_random_uuid(), :establishment_id, unit.id, :cause, :reason, :source_ref, :now,"
    " :actor_id, :actor_name from unit where not exists (select 1 from hold earlier"
    "  where earlier.device_id = unit.id and (earlier.source_ref = :source_ref"
    "   or (earlier.closed_at is null and earlier.source_ref = any(:others))))"
)
"""A unit that this decision held once is not held again: a pharmacist who released it had a reason."""


def _hold(session: Session, concerned: Concerned, decision_id: UUID, *, actor: Actor, now: datetime) -> int:
    if not concerned.definition_ids:
        return 0
    earlier = queries.list_effects(session, concerned.sheet.id)
    values = {
        "establishment_id": actor.establishment_id,
        "cause": HoldCause.DEROGATION.value,
        "reason": f"derogation-{concerned.sheet.status.value}",
        "source_ref": source_ref(decision_id),
        "others": [effect.source_ref for effect in earlier],
        "now": now,
        "actor_id": actor.id,
        "actor_name": actor.display_name,
        "definition_ids": list(concerned.definition_ids),
        "states": [state.value for state in device_rules.ON_HAND],
    }
    result = session.execute(_HOLD, values)
    return result.rowcount if isinstance(result, CursorResult) else 0


def _effect_id(decision_id: UUID) -> UUID:
    return uuid5(decision_id, "effect")


def _note(
    session: Session, derogation_id: UUID, decision_id: UUID, *, held_count: int, actor: Actor, now: datetime
) -> bool:
    """Write that a decision had its effect; return whether it is the first time."""
    values = {
        "id": _effect_id(decision_id),
        "establishment_id": actor.establishment_id,
        "derogation_id": derogation_id,
        "decision_id": decision_id,
        "applied_at": now,
        "applied_by_name": actor.display_name,
        "held_count": held_count,
        "told_count": 0,
    }
    is_first = session.scalar(upsert(Effect).values(values).on_conflict_do_nothing().returning(Effect.id)) is not None
    if held_count and not is_first:
        session.execute(_ADD_HELD, {"held": held_count, "id": _effect_id(decision_id)})
    return is_first


def _lift(session: Session, sheet: DerogationStanding, *, actor: Actor, now: datetime) -> EffectReport:
    effects = [effect for effect in queries.list_effects(session, sheet.id) if effect.lifted_at is None]
    lifted = 0
    for effect in effects:
        holds = queries.list_open_holds(session, [effect.decision_id])
        for hold_id in holds:
            devices.release_hold(session, hold_id, reason="derogation-reinstated", actor=actor, now=now)
        effect.lifted_at, effect.lifted_by_name, effect.lifted_count = now, actor.display_name, len(holds)
        lifted += len(holds)
        _audit(session, sheet, "effects:lifted", decision_id=effect.decision_id, count=len(holds), actor=actor, now=now)
    return EffectReport(lifted_count=lifted)


def _audit(
    session: Session,
    sheet: DerogationStanding,
    action: str,
    *,
    decision_id: UUID,
    count: int,
    actor: Actor,
    now: datetime,
) -> None:
    audit.append(
        session,
        actor=actor,
        action=action,
        subject=f"derogation:{sheet.id}",
        details={"decision_id": str(decision_id), "status": sheet.status.value, "count": str(count)},
        now=now,
    )


def _tell(
    session: Session,
    concerned: Concerned,
    shelves: Sequence[ShelfCount],
    *,
    public_url: str,
    actor: Actor,
    now: datetime,
    today: date,
) -> int:
    """Queue one mail for each person who must know; no patient is named (design, decision 12)."""
    sheet = concerned.sheet
    planned = operations.list_planned_operations(
        session, from_day=today, derogation_ids=[sheet.id], definition_ids=concerned.definition_ids
    )
    operators = {line.operation.operator_id for line in planned}
    mine = {id_: sum(line.operation.operator_id == id_ for line in planned) for id_ in operators}
    people = _people(session, operators)
    addresses = dict.fromkeys(organisation.list_recipients(session, RecipientPurpose.DEROGATION_WARNING), 0)
    addresses |= {person.email: mine.get(person.id, 0) for person in people}
    for address, own_count in sorted(addresses.items()):
        subject, body = _letter(sheet, shelves, planned_count=len(planned), own_count=own_count, public_url=public_url)
        new = NewMessage(
            kind=MessageKind.DEROGATION_EFFECT,
            idempotency_key=f"effects.stop:{sheet.standing.decision_id}:{address}",
            subject_ref=f"derogation:{sheet.id}",
            recipient=address,
            subject=subject,
            body=body,
        )
        outbox.queue(session, new=new, actor=actor, now=now)
    return len(addresses)


def _people(session: Session, operator_ids: set[UUID]) -> Sequence[Person]:
    told = [role.value for role in _TOLD_ROLES]
    is_told = Person.roles.overlap(told) | Person.id.in_(operator_ids)
    return session.scalars(select(Person).where(Person.is_active, is_told)).all()


def _letter(
    sheet: DerogationStanding, shelves: Sequence[ShelfCount], *, planned_count: int, own_count: int, public_url: str
) -> tuple[str, str]:
    designation = "".join(c if c.isprintable() else " " for c in sheet.designation)
    on_shelves = queries.count_by_ward(shelves)
    places = [f"  - {name or 'pharmacie'} : {count}" for name, count in sorted(on_shelves.items())]
    words = {
        "designation": designation,
        "manufacturer": sheet.manufacturer_name,
        "status_fr": _STATUS_FR[sheet.status],
        "status_en": _STATUS_EN[sheet.status],
        "since": f"{sheet.standing.since:%d/%m/%Y}" if sheet.standing.since else "",
        "count": sum(on_shelves.values()),
        "shelves": "\n".join(places) or "  aucun exemplaire",
        "planned": planned_count,
        "own": own_count,
        "address": f"{public_url}/derogations/{sheet.id}/effects",
    }
    body = Template((_TEMPLATES / "email_stopped.txt").read_text(encoding="utf-8")).substitute(words)
    return f"[Trace59] Dérogation {words['status_fr']} : {designation}", body
