"""Which unit a scan names at the bench of deliveries and returns, and under which derogation it may go."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from scanners import Scan, Status, scan
from tracker.catalogue import queries as catalogue
from tracker.coverage import queries as coverages_of
from tracker.delivery import rules
from tracker.devices import queries as devices
from tracker.devices.models import Device
from tracker.devices.queries import UnitView
from tracker.devices.rules import GONE
from tracker.errors import N_, InvalidInput, NotFound, RuleRefused
from tracker.verdicts.queries import coverage_facts
from tracker.verdicts.rules import CoverageFacts, DefinitionFacts

_OUR_LABEL = N_("Scan our label on the box: it names this one unit.")


class PatientLabelAtDelivery(RuleRefused):
    """The label of a patient came where a unit was expected; nothing of it is kept."""

    code = "delivery-patient-label"


class UnitDoubtful(InvalidInput):
    """The manufacturer's code fits several units: only our label tells them apart."""

    code = "unit-doubtful"


class CodeOfNoUnit(NotFound):
    """The code names no unit that could be meant here."""

    code = "unit-code-unknown"


def name_unit(session: Session, raw: str, *, today: date) -> str:
    """Return the number of the unit that a scan names: by our label, or by a manufacturer's code that fits one unit.

    Where two units of a lot may stand here, the code of the lot names neither, whatever their states are: the box in
    the hand may be the one that is blocked.

    Args:
        session: the transaction.
        raw: the scan, or a number typed.
        today: Paris calendar, for dates of two digits in the code.

    Raises:
        PatientLabelAtDelivery: it is the label of a patient.
        UnitDoubtful: the code fits several units.
        CodeOfNoUnit: it fits none.
        UnitNotFound: it is no number of a unit.
    """
    read = scan(raw.strip("\r\n\t "), reference_date=today, group_separator_known=False)
    if read.status is Status.PATIENT:
        raise PatientLabelAtDelivery(
            N_("This is the label of a patient. Nothing of it was kept."), next_step=N_("Scan the label of the unit.")
        )
    if read.unit_number or read.udi is None:
        return devices.get_unit(session, read.unit_number or raw.strip()).number
    found = _matching(session, read)
    if not found:
        raise CodeOfNoUnit(N_("No unit that could be meant here carries this code."), next_step=_OUR_LABEL)
    if len(found) > 1:
        raise UnitDoubtful(N_("Several units carry this code."), next_step=_OUR_LABEL)
    return devices.get_unit_by_id(session, found[0].id).number


def _matching(session: Session, read: Scan) -> Sequence[Device]:
    """Return at most two units that a manufacturer's code fits: two are already a question."""
    udi = read.udi
    if udi is None or read.status is not Status.OK or not (udi.serial or udi.lot):
        return ()
    named = catalogue.find_definitions(session, udi_di=udi.udi_di, reference=udi.reference)
    families = [Device.definition_id.in_(catalogue.family_of(one.id)) for one in named]
    statement = select(Device).where(or_(false(), *families))
    if udi.serial:
        statement = statement.where(Device.serial_number == udi.serial)
    else:
        statement = statement.where(Device.lot_number == udi.lot, Device.state.not_in(GONE))
    return session.scalars(statement.limit(2)).all()


def find_refusal(session: Session, unit: UnitView, *, today: date) -> rules.NotCovered | None:
    """Return why the register does not let a unit go to a ward today, None where it does; one statement."""
    try:
        get_covering(session, unit, today=today)
    except rules.NotCovered as refused:
        return refused
    return None


def get_covering(session: Session, unit: UnitView, *, today: date) -> CoverageFacts:
    """Return the derogation under which a unit may go to a ward today, as the register stands in this transaction.

    Raises:
        NotCovered: there is none.
    """
    definition = unit.definition
    coverages = coverages_of.find_coverage(
        session,
        manufacturer_id=definition.manufacturer_id,
        reference=definition.reference,
        day=today,
        known_at=coverages_of.AS_RECORDED,
    )
    return rules.check_covered(
        [coverage_facts(one) for one in coverages],
        definition=DefinitionFacts(definition.manufacturer_name, definition.reference, definition.kind),
        today=today,
    )
