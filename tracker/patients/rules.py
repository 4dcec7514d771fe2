"""Traits of a patient, and what may be done with the INS. Pure."""

import enum
from dataclasses import dataclass
from datetime import date


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
