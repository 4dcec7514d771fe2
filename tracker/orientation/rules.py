"""The questions, the answers and how one leads to the other. Pure; the table is the whole of the rules.

Sources: ANSM's page for manufacturers of 06/03/2024 ("questions/réponses"), its page for health professionals of
19/03/2025, and the order of questions of the domain reference, section 7. Where ANSM says nothing, the source says that
the reading is ours.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tracker.errors import N_, InvalidInput


class Route(enum.StrEnum):
    """What a situation comes under. Sent by the API."""

    DEROGATION = "derogation"
    DEROGATION_GRANTED = "derogation_granted"
    CUSTOM_MADE = "custom_made"
    CE_DEVICE = "ce_device"
    REFERRAL = "referral"
    OTHER_TREATMENT = "other_treatment"
    INVESTIGATION = "investigation"
    PRACTITIONER = "practitioner"
    NOT_COVERED = "not_covered"


ROUTE_LABELS: Mapping[Route, str] = {
    Route.DEROGATION: N_("Derogation to be requested"),
    Route.DEROGATION_GRANTED: N_("Derogation already granted"),
    Route.CUSTOM_MADE: N_("Custom-made device"),
    Route.CE_DEVICE: N_("CE-marked device"),
    Route.REFERRAL: N_("Referral of the patient"),
    Route.OTHER_TREATMENT: N_("Another treatment"),
    Route.INVESTIGATION: N_("Clinical investigation"),
    Route.PRACTITIONER: N_("The practitioner's responsibility"),
    Route.NOT_COVERED: N_("Outside the procedure"),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One way to answer a question; ``leads_to`` is the code of a question or of an answer."""

    code: str
    label: str
    leads_to: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question, one page."""

    code: str
    text: str
    options: tuple[Option, ...]
    help: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a path ends."""

    code: str
    route: Route
    sentence: str
    reason: str
    source: str
    next_step: str
    request_kind: str = ""
    """Kind of request to open, for a derogation: a code of ``derogations.rules.DerogationKind``; empty otherwise."""
    caution: str = ""
    """What else must be known; empty where nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question with the option that was chosen."""

    question: Question
    option: Option


@dataclass(frozen=True, slots=True)
class Walk:
    """A path so far: what was answered, and what comes next."""

    steps: tuple[Step, ...]
    question: Question | None
    """The next question; None at the end."""
    answer: Answer | None
    """The answer; None before the end."""


class PathInvalid(InvalidInput):
    """A path names an option that its question does not have, or goes on after the answer."""

    code = "orientation-path-invalid"


_MANUFACTURERS = N_("ANSM, page for manufacturers, 06/03/2024: partial revisions")
_PROFESSIONALS = N_("ANSM, page for health professionals, 19/03/2025")
_ORDER = N_("ANSM, page for health professionals, 19/03/2025 (significant benefit, no alternative); order of ours")
_ASKS_CE = N_("Is there a CE-marked device that can be used?")
_YES, _NO = N_("Yes"), N_("No")


def _yes_no(code: str, text: str, *, yes: str, no: str, more: str = "") -> Question:
    return Question(code, text, (Option("yes", _YES, yes), Option("no", _NO, no)), more)


FIRST = "situation"

_QUESTIONS = (
    Question(
        FIRST,
        N_("What is the situation?"),
        (
            Option(
                "manufacturer_gone",
                N_("A worn part of a total prosthesis must be replaced, and its manufacturer no longer exists"),
                "custom_made_manufacturer_gone",
            ),
            Option(
                "separate_element",
                N_("An element of a known system is needed, and its CE certificate is no longer valid"),
                "extent",
            ),
            Option("allergy", N_("The patient is allergic to the usual material"), "ce_for_allergy"),
            Option("size", N_("No implant of the range has the size that is needed"), "only_size"),
            Option("reconstruction", N_("An orthopaedic reconstruction needs an implant"), "ce_for_reconstruction"),
            Option(
                "outside_purpose",
                N_("A CE-marked implant would be used outside the purpose of its instructions"),
                "practitioner_outside_purpose",
            ),
            Option("software", N_("Software that is a medical device, without CE marking"), "ce_for_software"),
            Option("ivd", N_("An in vitro diagnostic device without CE marking"), "ce_for_ivd"),
            Option("other", N_("Another device without CE marking"), "listed"),
        ),
    ),
    Question(
        "extent",
        N_("What is to be replaced?"),
        (
            Option("part", N_("Part of a system that is already implanted"), "field"),
            Option("whole", N_("The whole system, or a system is implanted for the first time"), "not_covered_whole"),
        ),
        N_("The annual procedure is for partial revisions only."),
    ),
    Question(
        "field",
        N_("What kind of prosthesis is it?"),
        (
            Option("joint", N_("A joint prosthesis"), "annual_listed"),
            Option("dental", N_("A dental prosthesis"), "annual_listed"),
            Option("other", N_("Another implant"), "listed"),
        ),
    ),
    _yes_no(
        "annual_listed",
        N_("Is the reference covered by an annual derogation in force?"),
        yes="granted_annual",
        no="derogation_annual",
        more=N_("The register of derogations says so; ANSM publishes the list."),
    ),
    _yes_no(
        "ce_for_allergy",
        N_("Is there a CE-marked prosthesis of another material that the prescriber can implant?"),
        yes="ce_other_material",
        no="referral",
    ),
    _yes_no(
        "referral",
        N_("Can the patient be referred to a centre that implants a suitable material?"),
        yes="referral_other_centre",
        no="derogation_allergy",
    ),
    Question(
        "only_size",
        N_("Is the size the only thing that differs from the CE-marked range?"),
        (
            Option("size_only", N_("Yes, the size alone"), "ce_for_size"),
            Option("also_design", N_("No, the practitioner also describes a specific design"), "custom_made_design"),
        ),
    ),
    _yes_no("ce_for_size", _ASKS_CE, yes="ce_device", no="derogation_size"),
    _yes_no("ce_for_reconstruction", _ASKS_CE, yes="ce_device", no="prescription"),
    _yes_no(
        "prescription",
        N_("Does the surgeon write a prescription with the specific characteristics of the design?"),
        yes="custom_made_reconstruction",
        no="beneficiaries",
    ),
    _yes_no(
        "ce_for_software", N_("Is there CE-marked software that does the same?"), yes="ce_device", no="software_users"
    ),
    Question(
        "software_users",
        N_("For whom is the software needed?"),
        (
            Option("one", N_("For one identified patient"), "derogation_software_individual"),
            Option("several", N_("For several patients"), "derogation_software_global"),
        ),
    ),
    _yes_no(
        "ce_for_ivd", N_("Is there a CE-marked test that answers the same question?"), yes="ce_device", no="ivd_users"
    ),
    Question(
        "ivd_users",
        N_("For whom is the test needed?"),
        (
            Option("identified", N_("For one or several identified patients"), "derogation_ivd_individual"),
            Option("all", N_("For all patients who meet stated criteria"), "derogation_ivd_global"),
        ),
    ),
    _yes_no(
        "listed",
        N_("Is the device covered by a global derogation in force?"),
        yes="granted_global",
        no="ce_for_other",
        more=N_("The register of derogations says so; ANSM publishes the list."),
    ),
    _yes_no("ce_for_other", _ASKS_CE, yes="ce_device", no="treatment"),
    _yes_no(
        "treatment",
        N_("Is another treatment suitable and available: medicine, surgery, another technique?"),
        yes="other_treatment",
        no="investigation",
    ),
    _yes_no(
        "investigation",
        N_("Can the patient enter a clinical investigation of the device?"),
        yes="clinical_investigation",
        no="beneficiaries",
    ),
    Question(
        "beneficiaries",
        N_("For whom is the device needed?"),
        (
            Option("one", N_("For one identified patient"), "derogation_individual"),
            Option("several", N_("For all patients who meet stated criteria"), "derogation_global"),
        ),
    ),
)

_CE_MARK_TO_CONSIDER = N_("If such requests come again, the manufacturer must consider CE marking of this version.")
_GIVE_TO_OPERATOR = N_(
    "Prepare the file with the clinician's justification and give it to the market operator, who files it with ANSM."
)
_GIVE_TO_MANUFACTURER = N_("Give the manufacturer the clinical elements: the manufacturer files the request with ANSM.")
_PRESCRIBE = N_(
    "Write the prescription with the characteristics of the design, and ask a manufacturer of custom devices."
)
_ALLERGY = N_("ANSM, 06/03/2024, question 2: allergy to the usual material")
_SIZE = N_("ANSM, 06/03/2024, question 3: non-standard size")
_INFORM = N_("Inform the patient that the device has no CE mark, and record the consent, before use.")

_SOFTWARE_FOR_ONE = Answer(
    "derogation_software_individual",
    Route.DEROGATION,
    N_("An individual derogation must be requested before any use."),
    N_(
        "Software for a medical purpose is a device: without CE marking, whoever makes it available risks"
        " administrative, financial and penal sanctions."
    ),
    N_("MDR art. 20 and 59; ANSM's warning of 2020 on software without CE marking; reading of ours"),
    _GIVE_TO_OPERATOR,
    request_kind="individual",
    caution=N_("State the exact version: each update must be held against the derogation."),
)
_IVD_FOR_IDENTIFIED = Answer(
    "derogation_ivd_individual",
    Route.DEROGATION,
    N_("A derogation for an in vitro diagnostic device can be requested, for identified patients."),
    N_("In vitro diagnostic devices have their own article and their own form."),
    N_("IVDR art. 54; CSP L.5221-3 II"),
    _GIVE_TO_OPERATOR,
    request_kind="ivd",
    caution=N_("Incidents go to reagent vigilance (réactovigilance), not to device vigilance."),
)

_ANSWERS = (
    _SOFTWARE_FOR_ONE,
    replace(
        _SOFTWARE_FOR_ONE,
        code="derogation_software_global",
        sentence=N_("A global derogation must be requested before any use."),
        next_step=_GIVE_TO_MANUFACTURER,
        request_kind="global",
    ),
    _IVD_FOR_IDENTIFIED,
    replace(
        _IVD_FOR_IDENTIFIED,
        code="derogation_ivd_global",
        sentence=N_("A global derogation for an in vitro diagnostic device can be requested."),
        next_step=_GIVE_TO_MANUFACTURER,
    ),
    Answer(
        "custom_made_manufacturer_gone",
        Route.CUSTOM_MADE,
        N_("The revision implant is a custom-made device."),
        N_(
            "The technical file is out of reach: the surgeon sets specific design characteristics from the first"
            " implant and the patient, and another manufacturer makes it."
        ),
        N_("ANSM, 06/03/2024, question 1: original manufacturer gone"),
        _PRESCRIBE,
    ),
    Answer(
        "not_covered_whole",
        Route.NOT_COVERED,
        N_("The annual derogation does not apply to a whole system."),
        N_("The procedure is for partial revisions only, never to implant or replace a complete system."),
        _MANUFACTURERS,
        N_("Choose a complete system with CE marking."),
    ),
    Answer(
        "granted_annual",
        Route.DEROGATION_GRANTED,
        N_("Order the reference under the annual derogation."),
        N_(
            "A separate element used in a partial revision is not custom-made; its annual derogation covers planned"
            " operations in all of France."
        ),
        _MANUFACTURERS,
        N_("Check in the register that the reference is listed and until when, then order it."),
        caution=_INFORM,
    ),
    Answer(
        "derogation_annual",
        Route.DEROGATION,
        N_("An annual derogation for partial revision is needed."),
        N_(
            "A separate element used in a partial revision is not custom-made: without a valid CE mark it needs a"
            " derogation (CSP R.5211-19)."
        ),
        _MANUFACTURERS,
        _GIVE_TO_MANUFACTURER,
        request_kind="partial_revision",
        caution=_INFORM,
    ),
    Answer(
        "ce_other_material",
        Route.CE_DEVICE,
        N_("Choose the other CE-marked prosthesis."),
        N_("For an allergy, another CE-marked prosthesis is the solution to prefer."),
        _ALLERGY,
        N_("Order the CE-marked prosthesis of the other material."),
    ),
    Answer(
        "referral_other_centre",
        Route.REFERRAL,
        N_("Refer the patient to a centre that implants a suitable material."),
        N_("Where the prescriber cannot implant a CE-marked alternative, referral comes before any adaptation."),
        _ALLERGY,
        N_("Contact the centre and record the referral in the patient's file."),
    ),
    Answer(
        "derogation_allergy",
        Route.DEROGATION,
        N_("An individual derogation can be requested."),
        N_(
            "Once alternatives were looked for, an adaptation of an existing prosthesis can be studied, with the risk"
            " analysis of the implant in its first material."
        ),
        _ALLERGY,
        _GIVE_TO_OPERATOR,
        request_kind="individual",
        caution=_CE_MARK_TO_CONSIDER,
    ),
    Answer(
        "derogation_size",
        Route.DEROGATION,
        N_("An individual derogation can be requested."),
        N_(
            "An unusual size alone is not custom-made: small series is no criterion. For a size that the range did not"
            " foresee, a derogation is possible."
        ),
        _SIZE,
        _GIVE_TO_OPERATOR,
        request_kind="individual",
        caution=_CE_MARK_TO_CONSIDER,
    ),
    Answer(
        "custom_made_design",
        Route.CUSTOM_MADE,
        N_("The implant is a custom-made device."),
        N_("The size is not the only characteristic: the practitioner describes the specific design of the implant."),
        _SIZE,
        _PRESCRIBE,
    ),
    Answer(
        "custom_made_reconstruction",
        Route.CUSTOM_MADE,
        N_("The reconstruction implant is a custom-made device."),
        N_("The surgeon prescribes its specific design, and no CE-marked implant can be used."),
        N_("ANSM, 06/03/2024, question 4: orthopaedic reconstruction"),
        _PRESCRIBE,
    ),
    Answer(
        "practitioner_outside_purpose",
        Route.PRACTITIONER,
        N_("No derogation: the practitioner is responsible for this use."),
        N_("The implant has its CE mark; using it outside its purpose is the practitioner's decision."),
        N_("ANSM, 06/03/2024, question 5: use outside the intended purpose"),
        N_("Ask the manufacturer about known risks, and tell the manufacturer what the use has shown."),
        caution=N_("If the use is repeated, the manufacturer must consider extending the purpose, or research."),
    ),
    Answer(
        "granted_global",
        Route.DEROGATION_GRANTED,
        N_("Order the device under the global derogation."),
        N_("The clinician orders from the market operator, with a written reason for the request."),
        _PROFESSIONALS,
        N_("Check the conditions in the register, then order with the written reason."),
        caution=_INFORM,
    ),
    Answer(
        "ce_device",
        Route.CE_DEVICE,
        N_("Use the CE-marked device."),
        N_("A derogation needs that no CE-marked alternative exists, or that it cannot be used."),
        _PROFESSIONALS,
        N_("Order the CE-marked device; if it cannot be used for this patient, write why and answer again."),
    ),
    Answer(
        "other_treatment",
        Route.OTHER_TREATMENT,
        N_("Choose the other treatment."),
        N_("A derogation needs that no other treatment is suitable and available."),
        _ORDER,
        N_("If the treatment cannot be used for this patient, write why and answer again."),
    ),
    Answer(
        "clinical_investigation",
        Route.INVESTIGATION,
        N_("Include the patient in the clinical investigation."),
        N_("A derogation never takes the place of a clinical investigation."),
        _PROFESSIONALS,
        N_("Contact the investigator of the study."),
    ),
    Answer(
        "derogation_individual",
        Route.DEROGATION,
        N_("An individual derogation can be requested."),
        N_("No alternative exists, and the device is for one patient (MDR art. 59, CSP L.5211-3 II)."),
        _ORDER,
        _GIVE_TO_OPERATOR,
        request_kind="individual",
    ),
    Answer(
        "derogation_global",
        Route.DEROGATION,
        N_("A global derogation can be requested."),
        N_("No alternative exists, and the device is for patients who meet stated criteria (MDR art. 59)."),
        _ORDER,
        _GIVE_TO_MANUFACTURER,
        request_kind="global",
    ),
)

QUESTIONS: Mapping[str, Question] = {question.code: question for question in _QUESTIONS}
ANSWERS: Mapping[str, Answer] = {answer.code: answer for answer in _ANSWERS}


def walk(path: Iterable[str]) -> Walk:
    """Follow a path from the first question.

    Args:
        path: codes of the options chosen, in order.

    Returns:
        The steps taken, with the next question or the answer.

    Raises:
        PathInvalid: an option is not one of its question, or the path goes on after its answer.

    >>> walk(["separate_element", "whole"]).answer.code
    'not_covered_whole'
    """
    steps: list[Step] = []
    here = FIRST
    for code in path:
        question = QUESTIONS.get(here)
        chosen = next((option for option in question.options if option.code == code), None) if question else None
        if question is None or chosen is None:
            raise PathInvalid(
                N_("This path has an answer that the question does not offer."), next_step=N_("Begin again.")
            )
        steps.append(Step(question, chosen))
        here = chosen.leads_to
    return Walk(tuple(steps), QUESTIONS.get(here), ANSWERS.get(here))
