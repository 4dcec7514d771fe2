"""Whether a patient's consent is in force. Pure.

CSP L.1111-4: free and informed consent, which can be withdrawn at any time; ANSM: clear information that the device has
no CE marking, before use, and consent (domain reference 4).
"""

import enum


class ConsentEventKind(enum.StrEnum):
    """What happened. Stored: a change needs a migration."""

    INFORMED = "informed"
    OBTAINED = "obtained"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EMERGENCY = "emergency"


class SignerCapacity(enum.StrEnum):
    """In what capacity the signer signs (CSP L.1111-4, R.1112-35). Stored: a change needs a migration."""

    PATIENT = "patient"
    PARENT = "parent"
    GUARDIAN = "guardian"
    MINOR_ALONE = "minor_alone"
    TRUSTED_PERSON = "trusted_person"
    RELATIVE = "relative"
