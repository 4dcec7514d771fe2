"""Traits of a patient, and what may be done with the INS. Pure."""

import enum
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date

from tracker.errors import N_, InvalidInput


class IdentityStatus(enum.StrEnum):
    """Trust in an identity (référentiel national d'identitovigilance). Stored: a change needs a migration."""

    PROVISIONAL = "PROV"
    VALIDATED = "VALI"
    RETRIEVED = "RECUP"
    QUALIFIED = "QUAL"


class Sex(enum.StrEnum):
    """Sex as the INS traits carry it; U where it is not known."""

    FEMALE = "F"
    MALE = "M"
    UNKNOWN = "U"


INS_NIR_OID = "1.2.250.1.213.1.4.8"
INS_NIA_OID = "1.2.250.1.213.1.4.9"
INS_TEST_OID = "1.2.250.1.213.1.4.10"
INS_DEMONSTRATION_OID = "1.2.250.1.213.1.4.11"
# domain reference 5.1


@dataclass(frozen=True, slots=True)
class Traits:
    """Strict traits and identifiers of one patient; sealed at rest as one value."""

    family_name: str
    """Birth family name (nom de naissance)."""
    given_names: str
    """Birth given names, the first one first (liste des prénoms de naissance)."""
    birth_date: date
    sex: Sex
    ipp: str
    birth_place_code: str = ""
    """INSEE COG, 5 characters; empty where unknown."""
    used_name: str = ""
    ins_matricule: str = ""
    ins_oid: str = ""

    @property
    def first_given_name(self) -> str:
        """The first birth given name."""
        return self.given_names.split(" ")[0] if self.given_names else ""

    @property
    def display_name(self) -> str:
        """Family name in capitals, first given name."""
        return f"{self.family_name.upper()} {self.first_given_name}"


IDENTITY_LABELS: dict[IdentityStatus, str] = {
    IdentityStatus.PROVISIONAL: N_("provisional identity"),
    IdentityStatus.VALIDATED: N_("validated identity"),
    IdentityStatus.RETRIEVED: N_("retrieved identity"),
    IdentityStatus.QUALIFIED: N_("qualified identity"),
}
SEX_LABELS: dict[Sex, str] = {
    Sex.FEMALE: N_("female"),
    Sex.MALE: N_("male"),
    Sex.UNKNOWN: N_("not known"),
}
TEST_OIDS = frozenset({INS_TEST_OID, INS_DEMONSTRATION_OID})
_OIDS = frozenset({INS_NIR_OID, INS_NIA_OID}) | TEST_OIDS
_OF_INSI = frozenset({IdentityStatus.RETRIEVED, IdentityStatus.QUALIFIED})
"""Statuses that only an identity taken from INSi can have (RNIV 1): they need an INS."""
_NAME = re.compile(r"[^\W\d_]+(?:[ '\u2019-]{1,2}[^\W\d_]+)*\.?", re.UNICODE)
# two hyphens join the two surnames of a double name (circular of 6 December 2004 on names)
_BIRTH_PLACE = re.compile(r"[0-9][0-9AB][0-9]{3}")
_INS = re.compile(r"[0-9]{5}(?:[0-9]{2}|2[AB])[0-9]{8}")
_OLDEST_BIRTH = date(1890, 1, 1)
_SHORTEST_TRAIT = 3
_SHORTEST_PART = 4
_PARTICLES = frozenset({"SAINT", "SAINTE", "DELLA", "VANDER", "LEZ", "SOUS"})
_FRENCH_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_SHORTEST_NUMBER = 6
_INS_LENGTH = 15
_INS_KEY_LENGTH = 2
# domain reference 5.1: 15 characters, of which the last two are a key that people often leave out
_LETTERS_ONLY = N_("Letters, spaces, hyphens and apostrophes only.")


class TraitsInvalid(InvalidInput):
    """A trait is missing or cannot be."""

    code = "patient-traits-invalid"


class InsInvalid(TraitsInvalid):
    """The INS is not 15 characters with a right key, or its OID is unknown."""

    code = "patient-ins-invalid"


def ins_key(first_thirteen: str) -> int:
    """Return the two-digit key of a matricule: 97 minus the number modulo 97; Corsica 2A is 19, 2B is 18.

    Domain reference 5.1, measured against python-stdnum.

    >>> ins_key("2801299999999")
    69
    """
    number = first_thirteen.upper().replace("2A", "19", 1).replace("2B", "18", 1)
    return 97 - int(number) % 97


def check_ins(matricule: str, oid: str) -> None:
    """Check a matricule and its OID; the first digit, the month and the birth place in it are not judged.

    Raises:
        InsInvalid: wrong length, characters or key, or an OID that is none of INS's.
    """
    if not _INS.fullmatch(matricule):
        raise InsInvalid(
            N_("The INS must have 15 characters: 13 digits and a key of 2."),
            fields={"ins_matricule": N_("Scan the INS barcode, or type the 15 characters.")},
        )
    if int(matricule[13:]) != ins_key(matricule[:13]):
        raise InsInvalid(
            N_("The key of the INS does not fit."),
            fields={"ins_matricule": N_("The last two digits do not fit the first thirteen: compare with the card.")},
        )
    if oid not in _OIDS:
        raise InsInvalid(N_("The OID of the INS is not known."), fields={"ins_oid": N_("Choose one of the list.")})


def check_traits(traits: Traits, status: IdentityStatus, *, today: date) -> None:
    """Check the traits of a patient, and the trust put in them, before they are kept.

    Raises:
        TraitsInvalid: a strict trait is missing or impossible, or the trust needs an INS that is not there.
        InsInvalid: the INS does not hold.
    """
    faults: dict[str, str] = {}
    for name, value in (("family_name", traits.family_name), ("given_names", traits.given_names)):
        if not _NAME.fullmatch(value):
            faults[name] = _LETTERS_ONLY
    if traits.used_name and not _NAME.fullmatch(traits.used_name):
        faults["used_name"] = _LETTERS_ONLY
    if not _OLDEST_BIRTH <= traits.birth_date <= today:
        faults["birth_date"] = N_("This birth date cannot be.")
    if not traits.ipp.strip():
        faults["ipp"] = N_("The IPP is needed: it names the patient in this hospital.")
    if traits.birth_place_code and not _BIRTH_PLACE.fullmatch(traits.birth_place_code):
        faults["birth_place_code"] = N_("Five characters of the INSEE code, for example 75056 or 99999.")
    if status in _OF_INSI and not traits.ins_matricule:
        faults["identity_status"] = N_(
            "A retrieved or qualified identity has an INS: type it, or choose another trust."
        )
    if faults:
        raise TraitsInvalid(N_("The identity is not complete."), fields=faults)
    if traits.ins_matricule:
        check_ins(traits.ins_matricule, traits.ins_oid)


def traits_to_json(traits: Traits) -> bytes:
    """Return the traits as they are sealed."""
    return json.dumps(asdict(traits) | {"birth_date": traits.birth_date.isoformat()}, ensure_ascii=False).encode()


def traits_from_json(content: bytes) -> Traits:
    """Return the traits from what was sealed."""
    values = json.loads(content)
    birth_date, sex = date.fromisoformat(values.pop("birth_date")), Sex(values.pop("sex"))
    return Traits(**values, birth_date=birth_date, sex=sex)


def age_on(birth_date: date, day: date) -> int:
    """Return the age in whole years on a day.

    >>> age_on(date(1980, 3, 2), date(2026, 3, 1))
    45
    """
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


@dataclass(frozen=True, slots=True)
class Identity:
    """Traits by which a text could name a patient."""

    names: tuple[str, ...]
    identifiers: tuple[str, ...]
    birth_date: date


def identity_of(traits: Traits) -> Identity:
    """Return the traits of a patient by which a text could name them."""
    return Identity(
        names=(traits.family_name, traits.used_name, *traits.given_names.split()),
        identifiers=(traits.ipp, traits.ins_matricule),
        birth_date=traits.birth_date,
    )


def find_identity(texts: Mapping[str, str], identity: Identity) -> tuple[str, ...]:
    """Return the fields that name a patient, whatever the case, the accents, the punctuation or the spacing of numbers.

    >>> someone = Identity(names=("DUPONT",), identifiers=("8001234",), birth_date=date(1956, 3, 12))
    >>> find_identity({"description": "Mme Dupônt est tombée", "place": "IPP 80 01 234", "outcome": "bonne"}, someone)
    ('description', 'place')
    """
    words = [_words(trait) for trait in traits_of(identity) if len(_words(trait).strip()) >= _SHORTEST_TRAIT]
    numbers = [_compact(number) for number in _numbers(identity) if len(_compact(number)) >= _SHORTEST_NUMBER]
    return tuple(
        field
        for field, text in texts.items()
        if any(word in _words(text) for word in words) or any(number in _compact(text) for number in numbers)
    )


def traits_of(identity: Identity) -> tuple[str, ...]:
    """Return everything that would name a patient, as people write it."""
    names = [word for name in identity.names for word in _name_words(name)]
    return (*names, *_numbers(identity), *_date_forms(identity.birth_date))


def _name_words(name: str) -> Iterable[str]:
    """Return a name, and those of its parts that name a person by themselves: ``Martin-Dupont``, ``LE GOFF``."""
    yield name
    parts = _words(name).split()
    if len(parts) > 1:
        yield from (part for part in parts if len(part) >= _SHORTEST_PART and part not in _PARTICLES)


def _numbers(identity: Identity) -> Iterable[str]:
    for identifier in identity.identifiers:
        yield identifier
        if len(identifier) == _INS_LENGTH:
            yield identifier[:-_INS_KEY_LENGTH]


def _date_forms(day: date) -> Iterable[str]:
    yield day.isoformat()
    yield f"{day:%d/%m/%Y}"
    yield f"{day:%d%m%Y}"
    yield f"{day.day}/{day.month}/{day.year}"
    yield f"{day.day} {_FRENCH_MONTHS[day.month - 1]} {day.year}"


def _words(text: str) -> str:
    """Return upper-case words without accents, one space around each, so that only whole words match."""
    return f" {' '.join(''.join(c if c.isalnum() else ' ' for c in _bare(text)).split())} "


def _compact(text: str) -> str:
    """Return the letters and digits alone."""
    return "".join(c for c in _bare(text) if c.isalnum())


def _bare(text: str) -> str:
    """Return upper case without accents and without invisible marks, which could part a name unseen."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c) and unicodedata.category(c) != "Cf").upper()
