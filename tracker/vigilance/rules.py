"""What an incident is, how serious, and what may be told to whom. Pure."""

import enum


class Consequence(enum.StrEnum):
    """Consequences, after the French list of seriousness (domain reference 2.3). Stored: a change needs a migration."""

    DEATH = "death"
    LIFE_THREAT = "life_threat"
    DISABILITY = "disability"
    HOSPITALISATION = "hospitalisation"
    INTERVENTION = "intervention"
    CONGENITAL_ANOMALY = "congenital_anomaly"
    OTHER_HARM = "other_harm"
    RISK_ONLY = "risk_only"


class DevicePlace(enum.StrEnum):
    """Where the device is now. Stored: a change needs a migration."""

    IN_PATIENT = "in_patient"
    PHARMACY = "pharmacy"
    WARD = "ward"
    RETURNED = "returned"
    DESTROYED = "destroyed"


class ReportRecipient(enum.StrEnum):
    """Who gets a rendition. Stored: a change needs a migration."""

    ANSM = "ansm"
    MANUFACTURER = "manufacturer"
