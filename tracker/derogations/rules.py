"""What a derogation allows, computed from dated facts for any day and any knowledge date. Pure.

Days are those of the Paris calendar; the last day of validity counts. "As known at" leaves out every fact recorded
later, so that the answer given on a past day can be given again. The answer never depends on the order of recording.
"""

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from tracker.errors import N_, Conflict, InvalidInput
from tracker.terms import rules as terms
from tracker.terms.rules import Conditions, DecisionDatesWrong


class DerogationKind(enum.StrEnum):
    """Kind of derogation (domain reference 1.2). Stored: a change needs a migration."""

    INDIVIDUAL = "individual"
    GLOBAL = "global"
    PARTIAL_REVISION = "partial_revision"
    IVD = "ivd"


class Domain(enum.StrEnum):
    """Field of use. Stored: a change needs a migration."""

    JOINT = "joint"
    DENTAL = "dental"
    OTHER = "other"


class DecisionKind(enum.StrEnum):
    """What a decision does. Stored: a change needs a migration."""

    GRANTED = "granted"
    EXTENDED = "extended"
    REFUSED = "refused"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    WITHDRAWN = "withdrawn"
    SCOPE_CHANGED = "scope_changed"
    CONDITIONS_CHANGED = "conditions_changed"


class DerogationStatus(enum.StrEnum):
    """What a derogation is worth on a day. Computed, never stored; sent by the API."""

    IN_FORCE = "in_force"
    NOT_YET = "not_yet"
    SUSPENDED = "suspended"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    END_UNKNOWN = "end_unknown"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """What the rules need of one decision."""

    id: UUID
    kind: DecisionKind
    effective_from: date
    valid_until: date | None
    patient_cap: int | None
    decided_on: date | None
    recorded_at: datetime
    corrects_id: UUID | None = None
    conditions: Conditions | None = None
    received_on: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a derogation is worth on a day, and the dates behind it."""

    status: DerogationStatus
    valid_until: date | None
    """In force: last day, included, before which nothing known interrupts it. Ended, suspended: the last day stated."""
    since: date | None
    """First day of the present status, where a decision gave it."""
    decision_id: UUID | None
    """The decision the status rests on."""
    patient_cap: int | None
    conditions: Conditions | None = None
    """The last ones stated; None where no decision stated any."""


_SEVERITY = {
    kind: rank
    for rank, kind in enumerate(
        (
            DecisionKind.GRANTED,
            DecisionKind.EXTENDED,
            DecisionKind.SCOPE_CHANGED,
            DecisionKind.CONDITIONS_CHANGED,
            DecisionKind.REINSTATED,
            DecisionKind.SUSPENDED,
            DecisionKind.REFUSED,
            DecisionKind.WITHDRAWN,
        )
    )
}  # of two decisions with effect on one day, the one that protects the patient speaks last

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days on which nothing changes, first and last included; an open side is None."""

    first_day: date | None
    last_day: date | None
    status: DerogationStatus
    valid_until: date | None
    """Last day of validity as the decisions with effect state it."""
    decision_id: UUID | None
    patient_cap: int | None
    conditions: Conditions | None = None


@dataclass(slots=True)
class _State:
    """What the decisions applied so far leave: each field names the decision that speaks. Lives within one answer."""

    term: DecisionFacts | None = None
    """The grant or extension that set the end."""
    suspension: DecisionFacts | None = None
    withdrawal: DecisionFacts | None = None
    refusal: DecisionFacts | None = None
    patient_cap: int | None = None
    conditions: Conditions | None = None


def standing_on(decisions: Iterable[DecisionFacts], day: date, *, known_at: datetime) -> Standing:
    """Return what a derogation is worth on a day, as known at an instant.

    Args:
        decisions: all decisions on one derogation, in any order.
        day: Paris calendar.
        known_at: facts recorded later are left out.
    """
    periods = periods_of(decisions, known_at=known_at)
    here = next(i for i, period in enumerate(periods) if period.last_day is None or day <= period.last_day)
    return _standing(periods, here)


def standings_of(decisions: Iterable[DecisionFacts], *, known_at: datetime) -> tuple[tuple[date | None, Standing], ...]:
    """Return every standing of a derogation as known at an instant, each with its first day, the first with None."""
    periods = periods_of(decisions, known_at=known_at)
    found: list[tuple[date | None, Standing]] = []
    for number, period in enumerate(periods):
        standing = _standing(periods, number)
        if not found or found[-1][1] != standing:
            found.append((period.first_day, standing))
    return tuple(found)


def _standing(periods: Sequence[Period], here: int) -> Standing:
    present = periods[here]
    since = present.first_day
    for earlier in reversed(periods[:here]):
        if earlier.status is not present.status:
            break
        since = earlier.first_day
    valid_until = present.valid_until
    if present.status is DerogationStatus.IN_FORCE:
        for later in periods[here:]:
            if later.status is not DerogationStatus.IN_FORCE:
                break
            valid_until = later.last_day
    return Standing(
        status=present.status,
        valid_until=valid_until,
        since=since,
        decision_id=present.decision_id,
        patient_cap=present.patient_cap,
        conditions=present.conditions,
    )


def periods_of(decisions: Iterable[DecisionFacts], *, known_at: datetime) -> tuple[Period, ...]:
    """Return the whole life of a derogation as known at an instant: periods without gap, from always to for ever."""
    ordered = sorted(_standing_decisions(decisions, known_at), key=_order)
    return tuple(_periods(ordered))


def _standing_decisions(decisions: Iterable[DecisionFacts], known_at: datetime) -> list[DecisionFacts]:
    known = [decision for decision in decisions if decision.recorded_at <= known_at]
    corrected = {decision.corrects_id for decision in known}
    return [decision for decision in known if decision.id not in corrected]


def _order(decision: DecisionFacts) -> tuple[date, int, date, int, bool, int, str, UUID]:
    """Return the place of a decision: by effect, then severity, then content; never by recording.

    Of two of one kind and day, the later letter speaks last; of one day's letters, the stricter: an earlier end, or
    none stated (which cannot be used), and a smaller cap.
    """
    return (
        decision.effective_from,
        _SEVERITY[decision.kind],
        decision.decided_on or date.min,
        -(decision.valid_until or date.min).toordinal(),
        decision.patient_cap is not None,
        -(decision.patient_cap or 0),
        decision.conditions.place() if decision.conditions else "",
        decision.id,
    )


def _periods(ordered: Sequence[DecisionFacts]) -> Iterator[Period]:
    by_day: dict[date | None, list[DecisionFacts]] = {}
    for decision in ordered:
        by_day.setdefault(decision.effective_from, []).append(decision)
    first_days = sorted({decision.effective_from for decision in ordered})
    grants = [decision for decision in ordered if decision.kind is DecisionKind.GRANTED]
    state = _State()
    for first_day, following in zip([None, *first_days], [*first_days, None], strict=True):
        for decision in by_day.get(first_day, ()):
            _apply(state, decision)
        last_day = following - _ONE_DAY if following else None
        later = (grant for grant in grants if first_day is None or grant.effective_from > first_day)
        coming = next(later, None) if state.term is None else None
        yield from _split_at_end(_period(state, coming, first_day=first_day, last_day=last_day))


def _apply(state: _State, decision: DecisionFacts) -> None:
    """Let a decision take effect."""
    state.patient_cap = decision.patient_cap or state.patient_cap  # a cap is at least 1
    state.conditions = decision.conditions or state.conditions
    match decision.kind:
        case DecisionKind.GRANTED:
            if state.withdrawal:
                state.suspension = None
            state.term, state.withdrawal, state.refusal = decision, None, None
        case DecisionKind.EXTENDED if state.term and not state.withdrawal:
            state.term = decision
        case DecisionKind.REFUSED:
            state.refusal = decision
        case DecisionKind.SUSPENDED:
            state.suspension = decision
        case DecisionKind.REINSTATED:
            state.suspension = None
        case DecisionKind.WITHDRAWN:
            state.withdrawal = decision
        case DecisionKind.EXTENDED | DecisionKind.SCOPE_CHANGED | DecisionKind.CONDITIONS_CHANGED:
            pass


def _period(state: _State, coming: DecisionFacts | None, *, first_day: date | None, last_day: date | None) -> Period:
    """Return the days on which a state holds, the passing of its end left aside."""
    status, decision = _status(state, coming)
    says_end = status in {DerogationStatus.IN_FORCE, DerogationStatus.SUSPENDED}
    return Period(
        first_day=first_day,
        last_day=last_day,
        status=status,
        valid_until=state.term.valid_until if says_end and state.term else None,
        decision_id=decision.id if decision else None,
        patient_cap=state.patient_cap,
        conditions=state.conditions,
    )


def _status(state: _State, coming: DecisionFacts | None) -> tuple[DerogationStatus, DecisionFacts | None]:
    """Return the status of a state and the decision that speaks; the strictest first."""
    if state.term is None:
        if coming is not None:
            return DerogationStatus.NOT_YET, coming
        return (DerogationStatus.REFUSED if state.refusal else DerogationStatus.UNKNOWN), state.refusal
    if state.withdrawal is not None:
        return DerogationStatus.WITHDRAWN, state.withdrawal
    if state.suspension is not None:
        return DerogationStatus.SUSPENDED, state.suspension
    if state.term.valid_until is None:
        return DerogationStatus.END_UNKNOWN, state.term
    return DerogationStatus.IN_FORCE, state.term


def _split_at_end(period: Period) -> Iterator[Period]:
    """Yield a period as it is, or in two at the end of the last day of validity."""
    end, first_day, last_day = period.valid_until, period.first_day, period.last_day
    if period.status is not DerogationStatus.IN_FORCE or end is None or (last_day and last_day <= end):
        yield period
        return
    if first_day is None or first_day <= end:
        yield replace(period, last_day=end)
        first_day = end + _ONE_DAY if end < date.max else None
    if first_day is not None:
        yield replace(period, first_day=first_day, status=DerogationStatus.ENDED)


class DecisionIncomplete(InvalidInput):
    """A decision of this kind must say something more, or says something it cannot."""

    code = "decision-incomplete"


class DecisionContradicts(Conflict):
    """The decisions already recorded do not allow this one."""

    code = "decision-contradicts"


class AlreadyRecorded(Conflict):
    """The same decision is in the register."""

    code = "decision-already-recorded"


class CorrectionRefused(Conflict):
    """The decision to correct is not one of this derogation, or was corrected already."""

    code = "decision-correction-refused"


SETS_AN_END = frozenset({DecisionKind.GRANTED, DecisionKind.EXTENDED})
"""The kinds of decision that state a last day."""

_AS_PRINTED = N_("Type the date as the letter prints it.")
_RUNS = {DerogationStatus.IN_FORCE, DerogationStatus.END_UNKNOWN}
_FREE = frozenset(DerogationStatus) - _RUNS - {DerogationStatus.SUSPENDED}
_GRANTED = _RUNS | {DerogationStatus.SUSPENDED, DerogationStatus.ENDED}
_ALLOWED: Mapping[DecisionKind, AbstractSet[DerogationStatus]] = {
    DecisionKind.GRANTED: _FREE,
    DecisionKind.EXTENDED: _GRANTED,
    DecisionKind.REFUSED: frozenset(DerogationStatus),
    DecisionKind.SUSPENDED: _RUNS,
    DecisionKind.REINSTATED: {DerogationStatus.SUSPENDED},
    DecisionKind.WITHDRAWN: _GRANTED,
    DecisionKind.SCOPE_CHANGED: _GRANTED | {DerogationStatus.NOT_YET},
    DecisionKind.CONDITIONS_CHANGED: _GRANTED | {DerogationStatus.NOT_YET},
}
"""For each kind of decision: what the derogation may be worth on its first day without it."""

_SPEAKS_AT_ONCE = {DecisionKind.GRANTED, DecisionKind.SUSPENDED, DecisionKind.WITHDRAWN}
"""The kinds that the status rests on from their first day."""

_WHY_NOT: Mapping[tuple[DecisionKind, DerogationStatus | None], str] = {
    (DecisionKind.GRANTED, None): N_("The derogation is already granted on this day: record an extension instead."),
    (DecisionKind.GRANTED, DerogationStatus.SUSPENDED): N_(
        "Suspended on this day: record the end of the suspension first."
    ),
    (DecisionKind.EXTENDED, None): N_("No grant has effect on this day: there is nothing to extend."),
    (DecisionKind.EXTENDED, DerogationStatus.REFUSED): N_("ANSM refused this request: it cannot be extended."),
    (DecisionKind.EXTENDED, DerogationStatus.WITHDRAWN): N_("ANSM withdrew it: only a new grant can open it again."),
    (DecisionKind.SUSPENDED, None): N_("The derogation does not run on this day: there is nothing to suspend."),
    (DecisionKind.SUSPENDED, DerogationStatus.SUSPENDED): N_("The derogation is already suspended on this day."),
    (DecisionKind.REINSTATED, None): N_("The derogation is not suspended on this day."),
    (DecisionKind.WITHDRAWN, None): N_("No grant has effect on this day: there is nothing to withdraw."),
    (DecisionKind.WITHDRAWN, DerogationStatus.WITHDRAWN): N_("The derogation is already withdrawn on this day."),
    (DecisionKind.SCOPE_CHANGED, None): N_("No grant is recorded: there is no scope to change."),
    (DecisionKind.CONDITIONS_CHANGED, None): N_("No grant is recorded: there are no conditions to change."),
}


def check_decision(
    recorded: Sequence[DecisionFacts], new: DecisionFacts, *, today: date, changes_scope: bool, has_note: bool
) -> None:
    """Check that a decision may join those already recorded.

    Args:
        recorded: every decision of the derogation.
        new: the decision to record; ``recorded_at`` is now.
        today: Paris calendar.
        changes_scope: it brings references into the scope or out of it.
        has_note: it says in words what it decides.

    Raises:
        DecisionDatesWrong: reversed, in the future, or impossible dates.
        DecisionIncomplete: something is missing, or has no meaning for this kind.
        CorrectionRefused: it corrects a decision that cannot be corrected.
        AlreadyRecorded: the same decision is there.
        DecisionContradicts: the state on its first day does not allow it.
    """
    terms.check_days(
        effective_from=new.effective_from,
        valid_until=new.valid_until,
        decided_on=new.decided_on,
        received_on=new.received_on,
        today=today,
    )
    _check_content(new, changes_scope=changes_scope, has_note=has_note)
    _check_correction(recorded, new)
    known_at = max([new.recorded_at, *(decision.recorded_at for decision in recorded)])
    others = [d for d in _standing_decisions(recorded, known_at) if d.id != new.corrects_id]
    takes_back = _takes_back(recorded, new)
    if not takes_back:
        _check_not_recorded(others, new)
    _check_state(others, new, known_at=known_at, takes_back=takes_back)


def suspension_begun_on(recorded: Sequence[DecisionFacts], day: date) -> UUID | None:
    """Return the suspension that begins on a day; None where none does.

    An end of it on that day names it as what it corrects: from then on the suspension counts for no day. Without that
    name the suspension speaks: of two decisions of one day the program does not guess which came last.
    """
    corrected = {decision.corrects_id for decision in recorded}
    begun = (d.id for d in recorded if (d.kind, d.effective_from) == (DecisionKind.SUSPENDED, day))
    return next((id_ for id_ in begun if id_ not in corrected), None)


def _takes_back(recorded: Sequence[DecisionFacts], new: DecisionFacts) -> bool:
    """Test whether a decision ends a suspension from its first day on, and so takes its place."""
    suspensions = {decision.id for decision in recorded if decision.kind is DecisionKind.SUSPENDED}
    return new.kind is DecisionKind.REINSTATED and new.corrects_id in suspensions


def _check_content(new: DecisionFacts, *, changes_scope: bool, has_note: bool) -> None:
    if new.valid_until is not None and new.kind not in SETS_AN_END:
        raise DecisionIncomplete(
            N_("Only a grant or an extension states a last day of validity."),
            fields={"valid_until": N_("Leave it empty for this kind of decision.")},
            next_step=N_("If the letter also extends the derogation, record the extension as a decision of its own."),
        )
    if new.kind is DecisionKind.EXTENDED and new.valid_until is None:
        raise DecisionIncomplete(
            N_("An extension states its last day of validity."),
            fields={"valid_until": N_("Type the last day, included.")},
            next_step=_AS_PRINTED,
        )
    if new.patient_cap is not None and new.patient_cap < 1:
        raise DecisionIncomplete(
            N_("The greatest number of patients is at least 1."),
            fields={"patient_cap": N_("Type a number from 1, or nothing.")},
            next_step=N_("To stop all use, record a suspension."),
        )
    says_nothing = not has_note and not changes_scope and new.patient_cap is None and new.conditions is None
    if new.kind in {DecisionKind.SCOPE_CHANGED, DecisionKind.CONDITIONS_CHANGED} and says_nothing:
        raise DecisionIncomplete(
            N_("The decision does not say what changes."),
            fields={"note": N_("Write what the letter changes.")},
            next_step=N_("List the references, give the number of patients, or write the change in words."),
        )


def _check_correction(recorded: Sequence[DecisionFacts], new: DecisionFacts) -> None:
    corrected = {decision.corrects_id for decision in recorded}
    if new.corrects_id is not None and new.corrects_id not in {decision.id for decision in recorded} - corrected:
        raise CorrectionRefused(
            N_("The decision to correct is not one of this derogation, or was corrected already."),
            next_step=N_("Reload the page and choose the decision there."),
        )
    if _takes_back(recorded, new) and new.corrects_id != suspension_begun_on(recorded, new.effective_from):
        raise CorrectionRefused(
            N_("A suspension is taken back on its own first day only."),
            next_step=N_("To end it on a later day, record the end of the suspension, and correct nothing."),
        )


def _check_not_recorded(others: Sequence[DecisionFacts], new: DecisionFacts) -> None:
    may_repeat = {DecisionKind.SCOPE_CHANGED, DecisionKind.CONDITIONS_CHANGED}
    if new.kind not in may_repeat and (new.kind, new.effective_from) in {(d.kind, d.effective_from) for d in others}:
        raise AlreadyRecorded(
            N_("A decision of this kind with effect on this day is already in the register."),
            next_step=N_("Open the derogation to see it; if it was recorded wrongly, record a correction."),
        )


def _check_state(others: Sequence[DecisionFacts], new: DecisionFacts, *, known_at: datetime, takes_back: bool) -> None:
    """Check a decision against what the others say on its first day, and that it will have its effect.

    Raises:
        DecisionContradicts: they do not allow it.
        DecisionDatesWrong: an extension that does not end later.
    """
    before = standing_on(others, new.effective_from, known_at=known_at)
    if before.status not in _ALLOWED[new.kind] and not takes_back:
        raise DecisionContradicts(
            _WHY_NOT.get((new.kind, before.status)) or _WHY_NOT[new.kind, None],
            next_step=N_("Check the kind of decision and its first day of effect against the letter."),
        )
    until = before.valid_until
    if new.kind is DecisionKind.EXTENDED and until and (new.valid_until or date.min) <= until:
        raise DecisionDatesWrong(
            N_("The extension does not end later: the derogation already runs until %(until)s."),
            fields={"valid_until": N_("Type a later day.")},
            next_step=N_("To shorten the validity, record a withdrawal on its day."),
            until=until.isoformat(),
        )
    after = standing_on([*others, new], new.effective_from, known_at=known_at)
    is_overruled = after.decision_id != new.id and new.kind in _SPEAKS_AT_ONCE
    is_still_suspended = after.status is DerogationStatus.SUSPENDED and new.kind is DecisionKind.REINSTATED
    if is_overruled or is_still_suspended:
        raise DecisionContradicts(
            N_("Another decision with effect on the same day says the contrary."),
            next_step=N_("Check the first day of effect; if the other decision is wrong, correct that one."),
        )
