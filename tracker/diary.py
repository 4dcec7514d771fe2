"""Plays the diary of the demonstration hospital: what its people did, each act on its day, by the actions of the rooms.

Each function named in the diary (``do``) is one act. Its arguments are those written there; ids are made of names, so
that later acts find what earlier ones made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from scanners import scan
from tracker import clock
from tracker.accounts import queries as people
from tracker.accounts import service as accounts
from tracker.actor import Actor, system_actor
from tracker.arrivals import service as arrivals
from tracker.arrivals.queries import NewReason, NewReception
from tracker.arrivals.rules import AnnouncedLine, Closing, Conditions, Ownership, Seen
from tracker.consents import queries as consent_queries
from tracker.consents import service as consents
from tracker.consents.rules import ConsentEventKind, SignerCapacity
from tracker.consents.service import NewConsentEvent
from tracker.db import Session
from tracker.delivery import service as delivery
from tracker.delivery.rules import Handover, Inspected
from tracker.demonstration import ESTABLISHMENT_ID, Content, id_of, with_days
from tracker.derogations.rules import DecisionKind, DerogationKind
from tracker.derogations.service import NewDecision
from tracker.devices import queries as devices
from tracker.devices import service as device_service
from tracker.devices.rules import EntryMethod, HoldCause, NewHold
from tracker.dispositions import service as dispositions
from tracker.dispositions.rules import Disposition, NewDisposition
from tracker.effects import service as effects
from tracker.labels import service as labels
from tracker.labels.rules import BUILT_IN
from tracker.labels.service import NewJob
from tracker.operations import service as operations
from tracker.operations.service import NewOperation
from tracker.outcomes import service as outcomes
from tracker.outcomes.rules import FailureCause, NewFailure, Stage
from tracker.recalls import service as recalls
from tracker.reception import queries as bench_queries
from tracker.reception import service as bench
from tracker.reception.service import Arrival
from tracker.requests import queries as request_queries
from tracker.requests import service as requests
from tracker.requests.rules import Alternative, RequestEventKind, RequestFile, Step
from tracker.stocktaking import service as stocktaking
from tracker.stocktaking.service import NewCount
from tracker.terms.rules import Conditions as Terms
from tracker.terms.rules import FollowUp
from tracker.unidentified import service as unidentified
from tracker.unidentified.rules import Cause
from tracker.unidentified.service import NewItem
from tracker.upkeep import service as upkeep
from tracker.upkeep.rules import Change, NewPlace, NewUpdate
from tracker.use import service as use
from tracker.use.documents import print_papers
from tracker.use.rules import Intervention, Side
from tracker.use.service import NewUse
from tracker.verdicts.queries import Box
from tracker.vigilance import service as vigilance
from tracker.vigilance.rules import Basis, Consequence, CorrespondentPart, DevicePlace, IncidentFacts, Narrative
from tracker.vigilance.service import NewIncident

_PAPER = "roll"
"""Key of the paper on which the demonstration prints its labels."""


@dataclass(frozen=True, slots=True)
class Act:
    """One entry of the diary: what was done, by whom, when."""

    session: Session
    actor: Actor
    now: datetime
    place: int
    """In the diary: what an act makes without a name of its own is known by it."""
    given: Content
    gtins: Mapping[str, str]
    """By reference."""

    @property
    def today(self) -> date:
        """Return the day of the act, Paris calendar."""
        return clock.paris_day(self.now)

    @property
    def id(self) -> UUID:
        """Return the id of what the act makes."""
        return id_of(self.given.get("key") or f"act:{self.place}")

    @property
    def by_whom(self) -> dict[str, Any]:
        """Return who acts and when, as a service asks for it."""
        return {"actor": self.actor, "now": self.now}

    @property
    def on_day(self) -> dict[str, Any]:
        """Return who acts, when and on which day."""
        return {**self.by_whom, "today": self.today}

    def known(self, name: str) -> UUID:
        """Return the id of what an earlier act made, or a file of the demonstration names."""
        return id_of(self.given[name])

    def derogation(self) -> UUID:
        """Return the derogation of the act."""
        return id_of(f"derogation:{self.given['derogation']}")

    def ward(self) -> UUID:
        """Return the ward of the act."""
        return id_of(f"ward {self.given['ward']}")

    def number(self, name: str | None = None) -> str:
        """Return the number of a unit, by the name of its box."""
        line = bench_queries.get_line(self.session, id_of(f"box:{name or self.given['unit']}"))
        return line.unit_number or ""


def play(session: Session, content: Content, acts: list[Content], *, now: datetime) -> None:
    """Play every act of a diary in its order; an act of today that would lie in the future is done now.

    Args:
        session: transaction of the demonstration hospital, whose house is open.
        content: the demonstration file.
        acts: the diary.
        now: instant of loading; the diary's days are counted from its day in Paris.
    """
    gtins = {one["reference"]: one["udi_di"] for one in content["definitions"]}
    actors = {person.email.partition("@")[0]: accounts.actor_of(person) for person in people.list_people(session)}
    for place, given in enumerate(with_days(acts, clock.paris_day(now))):
        actor = actors[given["by"]] if "by" in given else system_actor(ESTABLISHMENT_ID)
        ACTS[given["do"]](Act(session, actor, min(_instant(given), now), place, given, gtins))
        session.flush()  # the next act reads what this one wrote


def _instant(given: Content) -> datetime:
    return datetime.combine(given["day"], time.fromisoformat(given["at"]), clock.PARIS).astimezone(UTC)


def _open_delivery(act: Act) -> None:
    given = act.given
    new = NewReception(
        supplier=given["supplier"],
        delivery_note=given["delivery_note"],
        order_number=given.get("order_number", ""),
        ownership=Ownership(given.get("ownership", Ownership.OWN)),
    )
    arrivals.open_reception(act.session, act.id, new=new, **act.by_whom)


def _look_at_delivery(act: Act) -> None:
    parcel, seals, temperature = (Seen(act.given[name]) for name in ("parcel", "seals", "temperature"))
    seen = Conditions(parcel, seals, temperature, remark=act.given.get("remark", ""))
    arrivals.record_conditions(act.session, act.id, reception_id=act.known("delivery"), seen=seen, **act.by_whom)


def _announce(act: Act) -> None:
    lines = [AnnouncedLine(**line) for line in act.given["lines"]]
    reception_id = act.known("delivery")
    arrivals.announce(act.session, act.id, reception_id=reception_id, lines=lines, replaces_id=None, **act.by_whom)


def _keep_reason(act: Act) -> None:
    new = NewReason(act.derogation(), act.given["clinician"], act.today, act.given["reason"])
    arrivals.record_reason(act.session, act.id, reception_id=act.known("delivery"), new=new, **act.by_whom)


def _receive(act: Act) -> None:
    boxes = [Arrival(id_of(f"box:{box['as']}"), _box(act, box)) for box in act.given["boxes"]]
    bench.receive_many(act.session, act.known("delivery"), arrivals=boxes, **act.on_day)


def _box(act: Act, box: Content) -> Box:
    """Return a box as a reader sends the Data Matrix of its label (GS1 General Specifications, section 3)."""
    last_day, serial, version = box.get("last_day"), box.get("serial"), box.get("software_version")
    parts = [f"01{act.gtins[box['reference']]}"]
    parts += [f"17{last_day:%y%m%d}"] if last_day else []
    variable = {"10": box.get("lot"), "21": serial, "8012": version}
    parts.append("\x1d".join(f"{identifier}{value}" for identifier, value in variable.items() if value))
    return Box(scan("]d2" + "".join(parts), reference_date=act.today), EntryMethod.SCANNED)


def _take_back_scan(act: Act) -> None:
    line_id = id_of(f"box:{act.given['box']}")
    bench.correct_line(act.session, act.id, line_id=line_id, reason=act.given["reason"], **act.by_whom)


def _close_delivery(act: Act) -> None:
    closing = Closing(act.given.get("closing", Closing.COMPLETE))
    arrivals.close_reception(act.session, act.known("delivery"), closing=closing, **act.by_whom)


def _put_aside(act: Act) -> None:
    given = act.given
    new = NewItem(
        Cause(given["cause"]),
        place=given["place"],
        description=given["description"],
        reception_id=act.known("delivery"),
    )
    unidentified.put_aside(act.session, act.id, new=new, **act.on_day)


def _print_labels(act: Act) -> None:
    numbers = tuple(act.number(name) for name in act.given["units"])
    labels.print_labels(act.session, act.id, new=NewJob(numbers, BUILT_IN[_PAPER]), **act.on_day)


def _deliver(act: Act) -> None:
    to = Handover(act.ward(), act.given["requested_by"], act.given["received_by"])
    delivery.deliver_scanned(act.session, act.id, raw=act.number(), to=to, **act.on_day)


def _take_back(act: Act) -> None:
    inspected = Inspected(doubt=act.given["doubt"], returned_by=act.given["returned_by"])
    delivery.return_scanned(act.session, act.id, raw=act.number(), inspected=inspected, **act.on_day)


def _take_out(act: Act) -> None:
    new = NewDisposition(Disposition(act.given["kind"]), act.given["reason"])
    request_id = id_of(f"out:{act.given['unit']}")
    dispositions.dispose(act.session, request_id, number=act.number(), new=new, **act.by_whom)


def _confirm_destruction(act: Act) -> None:
    dispositions.confirm_destruction(act.session, id_of(f"out:{act.given['unit']}"), **act.by_whom)


def _sweep_shelf_life(act: Act) -> None:
    dispositions.expire_units(act.session, **act.on_day)


def _hold(act: Act) -> None:
    hold = NewHold(HoldCause.PHARMACIST, act.given["reason"], f"device:{act.number()}")
    device_service.open_hold(act.session, act.id, number=act.number(), hold=hold, **act.by_whom)


def _release(act: Act) -> None:
    for hold in devices.get_unit(act.session, act.number()).holds:
        device_service.release_hold(act.session, hold.id, reason=act.given["reason"], **act.by_whom)


def _recall(act: Act) -> None:
    recalls.hold_lot(
        act.session,
        act.id,
        definition_id=id_of(f"definition:{act.given['reference']}"),
        lot_number=act.given["lot"],
        reason=act.given["reason"],
        **act.by_whom,
    )


def _decide(act: Act) -> None:
    given = act.given
    follow_up = tuple(FollowUp(**item) for item in given.get("follow_up", ()))
    new = NewDecision(
        derogation_id=act.derogation(),
        kind=DecisionKind(given["kind"]),
        effective_from=given["effective_from"],
        reference=given["reference"],
        conditions=Terms(follow_up=follow_up) if follow_up else None,
        note=given["note"],
    )
    effects.record_decision(act.session, act.id, new=new, public_url="", **act.on_day)


def _consent(act: Act) -> None:
    notice = consent_queries.find_latest_notice(act.session, act.derogation())
    signer = act.given.get("signer", "")
    new = NewConsentEvent(
        patient_id=act.known("patient"),
        derogation_id=act.derogation(),
        kind=ConsentEventKind(act.given["kind"]),
        at=act.now,
        notice_id=notice.id if notice else None,
        informed_by_id=act.actor.id,
        signer_capacity=SignerCapacity.PATIENT if signer else None,
        signer_name=signer,
    )
    consents.record_event(act.session, act.id, new=new, **act.by_whom)


def _use(act: Act) -> None:
    given = act.given
    new = NewUse(
        unit_number=act.number(),
        patient_id=act.known("patient"),
        used_on=act.today,
        used_time=time.fromisoformat(given["at"]),
        operator_id=act.actor.id,
        ward_id=act.ward(),
        side=Side(given["side"]),
        intervention=Intervention(given.get("intervention", Intervention.PARTIAL_REVISION)),
        implanted_system=given.get("implanted_system", ""),
        reason=given["reason"],
    )
    use.record_use(act.session, act.id, new=new, **act.on_day)
    act.session.flush()  # its papers are printed from it
    source = use.find_paper_source(act.session, act.id)
    if source:
        papers = print_papers(source, locale="fr", generated_at=act.now.astimezone(clock.PARIS))
        use.freeze_papers(act.session, act.id, papers=papers, **act.by_whom)


def _fail(act: Act) -> None:
    new = NewFailure(
        unit_number=act.number(),
        failed_on=act.today,
        stage=Stage(act.given["stage"]),
        cause=FailureCause(act.given["cause"]),
        operator_id=act.actor.id,
        ward_id=act.ward(),
        note=act.given["note"],
    )
    outcomes.record_failure(act.session, act.id, new=new, **act.on_day)


def _plan(act: Act) -> None:
    new = NewOperation(act.known("patient"), act.given["planned_on"], act.actor.id, derogation_id=act.derogation())
    operations.plan_operation(act.session, act.id, new=new, **act.on_day)


def _declare(act: Act) -> None:
    given = act.given
    texts = {name: given.get(name, "") for name in ("description", "clinical", "measures")}
    facts = IncidentFacts(
        occurred_on=given["occurred_on"],
        detected_on=given["occurred_on"],
        place=given["place"],
        consequences=tuple(Consequence(one) for one in given["consequences"]),
        narrative=Narrative(**texts),
        device_place=DevicePlace(given["device_place"]),
        is_device_kept=given.get("is_device_kept", False),
    )
    vigilance.declare(act.session, act.id, new=NewIncident(act.number(), None, facts), **act.on_day)


def _transmit(act: Act) -> None:
    part = CorrespondentPart(Basis.MANDATORY, act.given["comments"])
    vigilance.transmit(
        act.session, act.known("incident"), part=part, ansm_address=act.given["ansm_address"], **act.on_day
    )


def _open_request(act: Act) -> None:
    given = act.given
    file = RequestFile(
        designation=given["designation"],
        manufacturer_id=id_of(f"manufacturer:{given['company']}"),
        operator=given.get("operator", ""),
        patient_id=act.known("patient") if "patient" in given else None,
        references=tuple(given["references"]),
        points=given["points"],
        from_operator=frozenset(given.get("from_operator", ())),
        alternatives=tuple(Alternative(**one) for one in given.get("alternatives", ())),
    )
    kind = DerogationKind(given["kind"])
    requests.open_request(act.session, act.id, kind=kind, file=file, route="", **act.by_whom)


def _version(act: Act) -> int:
    return request_queries.get_request(act.session, act.known("request")).version


def _sign_request(act: Act) -> None:
    requests.sign(act.session, act.id, request_id=act.known("request"), version=_version(act), **act.on_day)


def _give_request(act: Act) -> None:
    step = Step(RequestEventKind.GIVEN, act.today, act.given["note"], version=_version(act))
    requests.give(act.session, act.id, request_id=act.known("request"), step=step, locale="fr", **act.on_day)


def _place(act: Act) -> None:
    new = NewPlace(act.given["place"], act.today)
    upkeep.record_place(act.session, act.id, number=act.number(), new=new, **act.on_day)


def _update(act: Act) -> None:
    new = NewUpdate(act.given["version"], Change(act.given["change"]), act.today, act.given["note"])
    upkeep.record_update(act.session, act.id, number=act.number(), new=new, **act.on_day)


def _open_count(act: Act) -> None:
    new = NewCount(ward_id=act.ward(), note=act.given["note"])
    stocktaking.open_count(act.session, act.id, new=new, **act.by_whom)


def _count(act: Act) -> None:
    stocktaking.count_unit(act.session, act.known("count"), raw=act.number(), **act.on_day)


_BY_NAME = (
    _announce,
    _close_delivery,
    _confirm_destruction,
    _consent,
    _count,
    _decide,
    _declare,
    _deliver,
    _fail,
    _give_request,
    _hold,
    _keep_reason,
    _look_at_delivery,
    _open_count,
    _open_delivery,
    _open_request,
    _place,
    _plan,
    _print_labels,
    _put_aside,
    _recall,
    _receive,
    _release,
    _sign_request,
    _sweep_shelf_life,
    _take_back,
    _take_back_scan,
    _take_out,
    _transmit,
    _update,
    _use,
)

ACTS: Mapping[str, Callable[[Act], None]] = {act.__name__.removeprefix("_"): act for act in _BY_NAME}
"""What may stand in a diary."""
