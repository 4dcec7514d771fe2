"""The Datamatrix of the French national health identity (INS): a *patient's* label, never a device's.

Issued by Agence du numérique en santé, "Format datamatrix INS" v2.2 of 26/09/2023. A header of 26 characters (``IS``,
version ``01``, 22 zeros), then blocks of a two-character identifier and a value; GS (ASCII 29) ends a value that is
neither at its maximum length nor last. The label is not signed.

====  =============================================  ============
S1    matricule INS                                  15
S2    OID of the assigning authority                 19 to 20
S3    birth given names, separated by spaces         1 to 100
S4    birth surname                                  1 to 100
S5    sex, M or F                                    1
S6    birth date DD-MM-YYYY                          10
S7    COG code of the birth place (may be missing)   5
====  =============================================  ============

It will be scanned by mistake at goods-in. It is then refused, and nothing of it is kept or logged: no error of this
module repeats anything of the label. Keyboard wedges send GS as ``<GS>`` or as a space; all are read. The order of
blocks may vary. A label mangled by a wrong keyboard layout can still be recognised (``is_patient_label``), though not
read.

>>> names = "S3MARIE CLAIRE<GS>S4EXEMPLE<GS>"
>>> text = HEADER + "S1280129999999969S21.2.250.1.213.1.4.10" + names + "S5FS612-12-1980S799999"
>>> is_patient_label(text), is_patient_label("ISà&" + "à" * 22), is_patient_label("0103700000000013")
(True, True, False)
>>> patient = parse(text)
>>> patient.birth_given_names, patient.birth_family_name, patient.birth_date, patient.birth_place_code
('MARIE CLAIRE', 'EXEMPLE', datetime.date(1980, 12, 12), '99999')
"""

import re
from datetime import date

from scanners.errors import BrokenStructure
from scanners.result import PatientIdentity

HEADER = "IS01" + "0" * 22

# Perhaps a mangled symbology identifier, "IS" in any case, two characters for the version, and a run of one character
# where the zeros were: what a wrong layout or Caps Lock makes of the header.
_LIKE_PATIENT = re.compile(r"(?:.{3})?[Ii][Ss][Oo0à)@º]?..?(.)\1{9,}", re.DOTALL)

_SIZES = {"S1": (15, 15), "S2": (19, 20), "S3": (1, 100), "S4": (1, 100), "S5": (1, 1), "S6": (10, 10), "S7": (5, 5)}
_REQUIRED = ("S1", "S2", "S3", "S4", "S5", "S6")
_FORMS = {
    "S1": re.compile(r"[0-9]{6}[0-9AB][0-9]{8}"),
    "S2": re.compile(r"[0-9.]+"),
    "S5": re.compile(r"[MF]"),
    "S6": re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    "S7": re.compile(r"[0-9AB]{5}"),
}
_SEPARATOR = "\x1d"
_SPACE_FOR_SEPARATOR = re.compile(r" (?=S[1-7])")


def is_patient_label(text: str) -> bool:
    """Test whether the text is, or once was, the label of a patient; errs on the side of the patient."""
    return _LIKE_PATIENT.match(text) is not None


def parse(text: str) -> PatientIdentity:
    """Return the identity that the label carries.

    Raises:
        BrokenStructure: any departure from the format; its position counts from the start of ``text``, its sentence
            holds nothing of the label.
    """
    if not text.startswith(HEADER):
        raise BrokenStructure("header", 0, "the header of a patient label is IS01 and 22 zeros")
    blocks = _blocks(_with_separators(text))
    missing = [identifier for identifier in _REQUIRED if identifier not in blocks]
    if missing:
        raise BrokenStructure("block-missing", None, f"a patient label has a block {missing[0]}")
    return PatientIdentity(
        matricule=blocks["S1"],
        oid=blocks["S2"],
        birth_given_names=blocks["S3"],
        birth_family_name=blocks["S4"],
        sex=blocks["S5"],
        birth_date=_birth_date(blocks["S6"]),
        birth_place_code=blocks.get("S7"),
    )


def format(patient: PatientIdentity) -> str:  # noqa: A001 - the name that every module of a standard has
    """Return the text of the label, without a separator after a value that is full or last."""
    born = patient.birth_date
    day = f"{born.day:02d}-{born.month:02d}-{born.year:04d}" if born else "00-00-0000"
    blocks = {
        "S1": patient.matricule,
        "S2": patient.oid,
        "S3": patient.birth_given_names,
        "S4": patient.birth_family_name,
        "S5": patient.sex,
        "S6": day,
    }
    if patient.birth_place_code is not None:
        blocks["S7"] = patient.birth_place_code
    text = "".join(
        f"{identifier}{value}{_SEPARATOR if len(value) < _SIZES[identifier][1] else ''}"
        for identifier, value in blocks.items()
    )
    return HEADER + text.removesuffix(_SEPARATOR)


def _with_separators(text: str) -> str:
    """Return the text with real separators; a space is one only where a block follows, names hold no digit."""
    text = text.replace("<GS>", _SEPARATOR)
    return text if _SEPARATOR in text else _SPACE_FOR_SEPARATOR.sub(_SEPARATOR, text)


def _blocks(text: str) -> dict[str, str]:
    """Read blocks in sequence, each by its size; never searches for an identifier, names may contain one.

    Raises:
        BrokenStructure: an unknown or repeated block, or one of another form or length.
    """
    blocks: dict[str, str] = {}
    position = len(HEADER)
    while position < len(text):
        identifier = text[position : position + 2]
        if identifier not in _SIZES or identifier in blocks:
            raise BrokenStructure("block-unknown", position, "one of the blocks S1 to S7 was expected, each once")
        minimum, maximum = _SIZES[identifier]
        start = position + 2
        stop = text.find(_SEPARATOR, start, start + maximum + 1)
        stop = min(start + maximum, len(text)) if stop < 0 else stop
        value = text[start:stop]
        form = _FORMS.get(identifier)
        if len(value) < minimum or (form and not form.fullmatch(value)):
            raise BrokenStructure("block-damaged", position, f"block {identifier} has another form or length")
        blocks[identifier] = value
        position = stop + (text[stop : stop + 1] == _SEPARATOR)
    return blocks


def _birth_date(text: str) -> date | None:
    """Return the day, or None where the registry holds an incomplete date (day or month 00)."""
    day, month, year = (int(part) for part in text.split("-"))
    try:
        return date(year, month, day)
    except ValueError:
        return None
