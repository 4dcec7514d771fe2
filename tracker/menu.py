"""The main menu: every place a person may go to, in the order of a device's life, under the name of the work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracker.actor import Actor, Permission
from tracker.errors import N_


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the menu."""

    endpoint: str
    label: str
    icon: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class Work:
    """Places of one kind of work; the first group has no name and needs none."""

    label: str
    places: tuple[Place, ...]


MENU = (
    Work(
        "",
        (
            Place("alerts.home", N_("To do"), "house", Permission.ACCOUNT_USE),
            Place("checks.ask", N_("Check a device"), "upc-scan", Permission.UNIT_CHECK),
        ),
    ),
    Work(
        N_("Goods-in"),
        (
            Place("reception.index", N_("Receive"), "box-seam", Permission.RECEPTION_READ),
            Place("unidentified.index", N_("Tray: to identify"), "inbox", Permission.RECEPTION_READ),
            Place("labels.index", N_("Labels"), "printer", Permission.RECEPTION_READ),
        ),
    ),
    Work(
        N_("Stock"),
        (
            Place("stock.index", N_("Units"), "boxes", Permission.UNIT_READ),
            Place("delivery.bench", N_("Deliver to a ward"), "box-arrow-right", Permission.UNIT_DELIVER),
            Place("stocktaking.index", N_("Stock counts"), "clipboard-check", Permission.COUNT_READ),
            Place("lots.index", N_("Holds"), "pause-circle", Permission.UNIT_READ),
            Place("catalogue.definitions", N_("Catalogue"), "card-list", Permission.DEFINITION_WRITE),
        ),
    ),
    Work(
        N_("Derogations"),
        (
            Place("register.index", N_("Register"), "file-earmark-check", Permission.DEROGATION_READ),
            Place("publications.index", N_("ANSM’s list"), "card-checklist", Permission.DEROGATION_READ),
            Place("requests.index", N_("Requests"), "file-earmark-text", Permission.REQUEST_READ),
            Place("recaps.index", N_("Recaps"), "calendar2-check", Permission.RECAP_READ),
            Place("orientation.ask", N_("Which route?"), "signpost-split", Permission.DEROGATION_READ),
        ),
    ),
    Work(
        N_("Care"),
        (
            Place("patients.index", N_("Patients"), "people", Permission.PATIENT_READ),
            Place("use.gate", N_("Use a device"), "shield-check", Permission.USE_WRITE),
            Place("operations.index", N_("Planned operations"), "calendar2-week", Permission.USE_READ),
            Place("use.index", N_("Use log"), "journal-medical", Permission.USE_READ),
            Place("examinations.index", N_("Follow-up after use"), "clipboard2-pulse", Permission.USE_READ),
        ),
    ),
    Work(
        N_("Vigilance"),
        (
            Place("vigilance.index", N_("Incidents"), "exclamation-triangle", Permission.INCIDENT_READ),
            Place("recalls.show", N_("Recall"), "search", Permission.RECALL_READ),
            Place("outbox.index", N_("Messages"), "envelope", Permission.MESSAGE_READ),
        ),
    ),
    Work(
        N_("Settings"),
        (
            Place("workstations.index", N_("Barcode readers"), "keyboard", Permission.WORKSTATION_CALIBRATE),
            Place("accounts.people", N_("Accounts"), "person-gear", Permission.PERSON_MANAGE),
            Place("organisation.show", N_("Establishment"), "hospital", Permission.ESTABLISHMENT_MANAGE),
            Place("audit.index", N_("Trail"), "link-45deg", Permission.AUDIT_READ),
        ),
    ),
)


_BELONGS = {
    "arrivals": "reception.index",
    "closings": "reception.index",
    "findings": "reception.index",
    "reception": "reception.index",
    "samples": "checks.ask",
    "dispositions": "stock.index",
    "upkeep": "stock.index",
    "chronicle": "stock.index",
    "imports": "catalogue.definitions",
    "makers": "catalogue.definitions",
    "conformity": "register.index",
    "decisions": "register.index",
    "effects": "register.index",
    "consents": "patients.index",
    "consents.notices": "register.index",
    "consents.new_notice": "register.index",
    "outcomes": "use.index",
    "corrections": "use.index",
    "reversals": "use.index",
    "use.make_papers": "use.index",
    "followups": "vigilance.index",
}
"""Where a page stands, or all pages of a slice, that would not stand under its slice's first entry."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of the menu as a page shows it."""

    label: str
    href: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """One kind of work as a page shows it."""

    label: str
    items: tuple[MenuItem, ...]


def menu_of(
    actor: Actor, *, endpoint: str, translate: Callable[[str], str], address: Callable[[str], str]
) -> list[MenuGroup]:
    """Return the menu of a person: what they may open, and where they are.

    Args:
        actor: who is logged in.
        endpoint: of the page that is shown, such as ``use.show``; a page that is no entry stands under one.
        translate: from a text of this program to the reader's language.
        address: the path of an endpoint.
    """
    groups = [(work, [place for place in work.places if actor.can(place.permission)]) for work in MENU]
    current = _current([place.endpoint for _work, places in groups for place in places], endpoint)
    return [
        MenuGroup(
            translate(work.label) if work.label else "",
            tuple(
                MenuItem(translate(place.label), address(place.endpoint), place.icon, place.endpoint == current)
                for place in places
            ),
        )
        for work, places in groups
        if places
    ]


def _current(entries: Sequence[str], endpoint: str) -> str | None:
    if endpoint in entries:
        return endpoint
    slice_name = endpoint.partition(".")[0]
    if place := _BELONGS.get(endpoint, _BELONGS.get(slice_name)):
        return place if place in entries else None
    return next((entry for entry in entries if entry.partition(".")[0] == slice_name), None)
