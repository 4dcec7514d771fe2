"""Whether a patient's consent is in force. Pure.

CSP L.1111-4: free and informed consent, which can be withdrawn at any time; ANSM: clear information that the device has
no CE marking, before use, and consent (domain reference 4).
"""

import enum
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tracker.errors import N_, InvalidInput, RuleRefused


class ConsentEventKind(enum.StrEnum):
    """What happened. Stored: a change needs a migration."""

    INFORMED = "informed"
    OBTAINED = "obtained"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EMERGENCY = "emergency"


class SignerCapacity(enum.StrEnum):
    """In what capacity the signer signs (CSP L.1111-4, L.1111-5, R.1112-35). Stored: a change needs a migration."""

    PATIENT = "patient"
    PARENTAL_AUTHORITY = "parental_authority"
    GUARDIAN = "guardian"
    MINOR_ALONE = "minor_alone"
    TRUSTED_PERSON = "trusted_person"
    RELATIVE = "relative"


class ConsentState(enum.StrEnum):
    """Where information and consent stand. Computed, never stored."""

    NOT_ASKED = "not_asked"
    INFORMED = "informed"
    OBTAINED = "obtained"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EMERGENCY = "emergency"


KIND_LABELS: Mapping[ConsentEventKind, str] = {
    ConsentEventKind.INFORMED: N_("Patient informed"),
    ConsentEventKind.OBTAINED: N_("Consent obtained"),
    ConsentEventKind.REFUSED: N_("Consent refused"),
    ConsentEventKind.WITHDRAWN: N_("Consent withdrawn"),
    ConsentEventKind.EMERGENCY: N_("Emergency: consent could not be asked"),
}
STATE_LABELS: Mapping[ConsentState, str] = {
    ConsentState.NOT_ASKED: N_("The patient has not been informed"),
    ConsentState.INFORMED: N_("The patient is informed and has not decided"),
    ConsentState.OBTAINED: N_("Consent is in force"),
    ConsentState.REFUSED: N_("The patient refused"),
    ConsentState.WITHDRAWN: N_("The consent was withdrawn"),
    ConsentState.EMERGENCY: N_("Emergency recorded; the patient must be informed later"),
}
CAPACITY_LABELS: Mapping[SignerCapacity, str] = {
    SignerCapacity.PATIENT: N_("the patient"),
    SignerCapacity.PARENTAL_AUTHORITY: N_("holder of parental authority"),
    SignerCapacity.GUARDIAN: N_("guardian or person in charge of a protected adult"),
    SignerCapacity.MINOR_ALONE: N_("minor deciding alone (CSP L.1111-5)"),
    SignerCapacity.TRUSTED_PERSON: N_("trusted person, consulted"),
    SignerCapacity.RELATIVE: N_("family or close relative, consulted"),
}
DECISIONS = frozenset({ConsentEventKind.OBTAINED, ConsentEventKind.REFUSED, ConsentEventKind.WITHDRAWN})
IN_FORCE = frozenset({ConsentEventKind.OBTAINED, ConsentEventKind.EMERGENCY})
"""The closed list of last events under which a device may be used."""
FULL_AGE = 18
"""Years; Code civil art. 388 and 414."""
_CLOCK_DRIFT = timedelta(minutes=5)
_CONSULTED = frozenset({SignerCapacity.TRUSTED_PERSON, SignerCapacity.RELATIVE})
"""They speak where the patient cannot express a will (CSP L.1111-4): the reason says why."""
_FOR_MINORS = frozenset({SignerCapacity.PARENTAL_AUTHORITY, SignerCapacity.MINOR_ALONE})


class ConsentIncomplete(InvalidInput):
    """An event lacks what it must say."""

    code = "consent-incomplete"


class NoticeOfOtherDerogation(InvalidInput):
    """The notice informs about another derogation than the one the patient decides on."""

    code = "consent-notice-mismatch"


class DerogationOfOtherPatient(RuleRefused):
    """An individual derogation concerns its one patient only."""

    code = "consent-derogation-mismatch"


class NoConsentToWithdraw(RuleRefused):
    """Only a consent in force can be withdrawn."""

    code = "consent-not-in-force"


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """The words of one version of the notice, written for patients. An empty text is printed as not stated."""

    no_mark_reason: str
    why: str
    alternatives: str
    benefits: str
    risks: str
    unknowns: str
    follow_up: str
    contact: str


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """What the rules need of one event."""

    event_id: UUID
    kind: ConsentEventKind
    at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class EventDraft:
    """What was entered of a new event."""

    kind: ConsentEventKind
    at: datetime
    has_notice: bool
    informed_by: str
    signer_capacity: SignerCapacity | None
    signer_name: str
    reason: str
    age: int
    """Of the patient, in whole years, at that moment."""


def notice_hash(texts: NoticeTexts) -> str:
    """Return the SHA-256 of a notice's words: 64 lowercase hexadecimal digits."""
    content = json.dumps(asdict(texts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def last_event(events: Iterable[ConsentFacts], instant: datetime) -> ConsentFacts | None:
    """Return the event that counts at an instant: the latest by what happened; of two at once, the later recorded.

    An information given again after a decision is left out: it changes nothing of the decision.
    """
    past = [event for event in events if event.at <= instant]
    decisions = [event for event in past if event.kind is not ConsentEventKind.INFORMED]
    return max(decisions or past, key=lambda event: (event.at, event.recorded_at, event.event_id.int), default=None)


def state_at(events: Iterable[ConsentFacts], instant: datetime) -> ConsentState:
    """Return where information and consent stand at an instant."""
    event = last_event(events, instant)
    return ConsentState(event.kind.value) if event else ConsentState.NOT_ASKED


def in_force_at(events: Iterable[ConsentFacts], instant: datetime) -> ConsentFacts | None:
    """Return the event that allows use at an instant, None where none does."""
    event = last_event(events, instant)
    return event if event and event.kind in IN_FORCE else None


def check_event(draft: EventDraft, events: Iterable[ConsentFacts], *, now: datetime) -> None:
    """Check that a new event says what it must.

    Raises:
        ConsentIncomplete: something is missing, or it lies in the future.
        NoConsentToWithdraw: nothing is in force that could be withdrawn.
    """
    faults = _information_faults(draft) | _signer_faults(draft)
    if draft.at > now + _CLOCK_DRIFT:
        faults["at"] = N_("This moment is in the future.")
    if draft.kind is ConsentEventKind.EMERGENCY and not draft.reason.strip():
        faults["reason"] = N_("Say why consent could not be asked, and who was consulted.")
    if faults:
        raise ConsentIncomplete(N_("The event is not complete."), fields=faults)
    if draft.kind is ConsentEventKind.WITHDRAWN and in_force_at(events, draft.at) is None:
        raise NoConsentToWithdraw(
            N_("There is no consent in force to withdraw."), next_step=N_("Record a refusal instead.")
        )


def _information_faults(draft: EventDraft) -> dict[str, str]:
    if draft.kind not in {ConsentEventKind.INFORMED, ConsentEventKind.OBTAINED, ConsentEventKind.REFUSED}:
        return {}
    faults = {}
    if not draft.has_notice:
        faults["notice_id"] = N_("Choose the version of the notice that was given.")
    if not draft.informed_by:
        faults["informed_by_id"] = N_("Say who informed the patient.")
    return faults


def _signer_faults(draft: EventDraft) -> dict[str, str]:
    if draft.kind not in DECISIONS:
        return {}
    if draft.signer_capacity is None:
        return {"signer_capacity": N_("Say in what capacity this person decides.")}
    if not draft.signer_name.strip():
        return {"signer_name": N_("Say who decided.")}
    return _capacity_faults(draft, draft.signer_capacity)


def _capacity_faults(draft: EventDraft, capacity: SignerCapacity) -> dict[str, str]:
    is_minor, has_reason = draft.age < FULL_AGE, bool(draft.reason.strip())
    if capacity in _FOR_MINORS and not is_minor:
        return {"signer_capacity": N_("The patient is of full age.")}
    if capacity in _CONSULTED and not has_reason:
        return {"reason": N_("Say why the patient cannot express a will.")}
    consents_as_adult = draft.kind is ConsentEventKind.OBTAINED and capacity is SignerCapacity.PATIENT
    if is_minor and consents_as_adult and not has_reason:
        # CSP R.1112-35: written authorisation of father, mother or guardian; an emancipated minor is the exception
        return {
            "signer_capacity": N_(
                "The patient is a minor: choose the holder of parental authority, or say why below (emancipation)."
            )
        }
    return {}
