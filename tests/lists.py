"""Pages like ANSM's list of derogations, composed in its layouts: a saved page, a text, a PDF."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from textwrap import wrap

import typst

ANSM_LIST = Path(__file__).parent / "published" / "ansm-20240306.txt"
"""The words of ANSM's page of 06/03/2024."""

MONTHS = re.findall(r"\w+", "janvier février mars avril mai juin juillet août septembre octobre novembre décembre")


@dataclass(frozen=True)
class Printed:
    """One derogation as a page prints it."""

    title: str
    company: str
    until: date
    concerning: str
    purpose: str
    domain: str
    is_extended: bool = False
    references: tuple[tuple[str, str], ...] = ()
    """Reference, product."""

    @property
    def heading(self) -> str:
        return f"{self.title} - {self.company} - [Dérogation jusqu'au {self.until:%d/%m/%Y}]"

    @property
    def grant(self) -> str:
        annex = " (liste en annexe)" if self.references else ""
        return (
            "En application de l’article 59 du Règlement (UE) 2017/745, une dérogation a été accordée à la société "
            f"{self.company.upper()} concernant la mise à disposition {self.concerning}, pour {self.purpose}{annex}."
        )

    @property
    def validity(self) -> str:
        verb = "a été prolongée" if self.is_extended else "est valable"
        return f"Cette dérogation {verb} jusqu'au {written(self.until)}."

    @property
    def annex(self) -> str:
        return (
            f"Liste {self.concerning} de la société {self.company.upper()} dont la mise à disposition est autorisée à "
            "titre dérogatoire pour des reprises partielles"
        ).replace("Liste d'", "Liste des ")


def written(day: date) -> str:
    return f"{'1er' if day.day == 1 else day.day} {MONTHS[day.month - 1]} {day.year}"


STEMS = Printed(
    "Tiges fémorales AURORE taille 8 à 12",
    "Orthéa",
    date(2027, 2, 28),
    "de tiges fémorales AURORE",
    "des reprises partielles de prothèse de hanche déjà implantée",
    "joint",
    references=tuple((f"AUR-10{n}", f"Tige fémorale AURORE – taille {n}") for n in range(8, 13)),
)
PILLARS = Printed(
    "Piliers prothétiques pour implants dentaires NACRE",
    "DENTALYS",
    date(2026, 12, 1),
    "de piliers prothétiques",
    "des reprises de prothèses dentaires fixées à un implant NACRE déjà ostéointégré",
    "dental",
    is_extended=True,
)
GLENOIDS = Printed(
    "Glènes de révision LISA",
    "Orthéa",
    date(2026, 8, 15),
    "de glènes de révision LISA",
    "des reprises partielles de prothèse d'épaule déjà implantée",
    "joint",
    references=tuple(
        (f"3-55010{n}{size}", f"Glène LISA® – Taille {size} - Offset {n} mm") for size in "SML" for n in (0, 2)
    ),
)
VALVES = Printed(
    "Clapets de dérivation ventriculaire ONDE",
    "Neurolab",
    date(2027, 5, 31),
    "de clapets de dérivation",
    "des reprises partielles d'un système de dérivation déjà implanté",
    "other",
)
ALL = (PILLARS, STEMS, GLENOIDS, VALVES)
SECTIONS = {"dental": "Implants dentaires", "joint": "Prothèses articulaires", "other": "Autres dispositifs"}
INTRODUCTION = (
    "Un suivi de dérogation est réalisé par l’ANSM qui pourra lever l’autorisation sans délai en cas de risque.",
    "Mise à disposition à titre dérogatoire pour reprises partielles (article R.5211-19 du CSP)",
)
QUESTIONS = (
    "Questions/réponses sur les cas particuliers concernant les prothèses articulaires",
    "Un implant orthopédique de reconstruction est-il un dispositif médical sur mesure ?",
    (
        "Une demande de dérogation peut être envisagée (cf procédure pour dérogation dans l’intérêt des patients). "
        "Dans l’hypothèse de demande réitérée, le principe de dérogation est susceptible d’être remis en question."
    ),
    "tel : 01 55 87 37 21",
    "https://ansm.sante.fr/uploads/2020/11/05/20201105-dm-procedure-prothese-articulaire-21062012.pdf",
)


def as_text(items: Sequence[Printed] = ALL, *, width: int = 100, gap: str = "\n\n") -> str:
    """Return a page as text, lines cut as in a printed page."""
    parts, section = list(INTRODUCTION), ""
    for item in items:
        if SECTIONS[item.domain] != section:
            section = SECTIONS[item.domain]
            parts.append(section)
        parts += [item.heading, item.grant, item.validity]
        if item.references:
            parts += [item.annex, "Produit Référence"]
            parts += [part for code, product in item.references for part in (product, code)]
    return gap.join("\n".join(wrap(part, width)) for part in [*parts, *QUESTIONS])


def as_html(items: Sequence[Printed] = ALL, *, rows: Callable[[Sequence[tuple[str, str]]], str] | None = None) -> str:
    """Return a page as a browser saves it, annexes as tables at its end."""
    body, section = [f"<p>{escape(words)}</p>" for words in INTRODUCTION], ""
    for item in items:
        if SECTIONS[item.domain] != section:
            section = SECTIONS[item.domain]
            body.append(f"<h3>{section}</h3>")
        heading = escape(item.heading).replace("[", "<strong>[").replace("]", "]</strong>")
        body.append(f"<div class='accordion'><h4>{heading}</h4><p>{escape(item.grant)}<br>\n{item.validity}</p></div>")
    listing = [item for item in items if item.references]
    body += [f"<p>{escape(item.annex)}</p>{(rows or as_table)(item.references)}" for item in listing]
    body += [f"<p>{escape(words)}</p>" for words in QUESTIONS]
    menu = "<nav><ul><li>Implants dentaires</li><li>Dérogation jusqu'au 01/01/2000</li></ul></nav><script>a<b</script>"
    return f"<!DOCTYPE html><html><head><title>ANSM</title></head><body>{menu}{''.join(body)}</body></html>"


def as_table(references: Sequence[tuple[str, str]]) -> str:
    """Return the rows of an annex, product first."""
    rows = "".join(f"<tr><td><p>{product}</p></td><td>{code}</td></tr>" for code, product in references)
    return f"<table><thead><tr><th>Produit</th><th>Référence</th></tr></thead><tbody>{rows}</tbody></table>"


def as_table_code_first(references: Sequence[tuple[str, str]]) -> str:
    """Return the rows of an annex, reference first, without a head."""
    return (
        "<table>" + "".join(f"<tr><td>{code}</td><td>{product}</td></tr>" for code, product in references) + "</table>"
    )


def as_pdf(items: Sequence[Printed] = ALL, *, height: str = "13cm", size: str = "11pt", filler: int = 0) -> bytes:
    """Return a page as a PDF whose pages are short, with headers and footers, so that everything is cut somewhere."""
    lines = [
        f"#set page(width: 15cm, height: {height}, margin: 1.5cm, header: [Agence nationale – liste])",
        "#set page(footer: context [Page #counter(page).display() sur #counter(page).final().first()])",
        f'#set text(lang: "fr", size: {size})\n#set par(justify: true)',
    ]
    lines += [_typ(words) for words in INTRODUCTION]
    section = ""
    for item in items:
        if SECTIONS[item.domain] != section:
            section = SECTIONS[item.domain]
            lines.append(f"= {section}")
        lines += [f"== {_typ(item.heading)}", _typ(item.grant), _typ(item.validity)]
        if item.references:
            cells = "".join(f"[{_typ(product)}], [{_typ(code)}], " for code, product in item.references)
            lines += [_typ(item.annex), f"#table(columns: (5cm, 4cm), [Produit], [Référence], {cells})"]
    lines += [_typ(words) for words in QUESTIONS]
    lines += ["#lorem(300)"] * filler
    compiled: bytes = typst.compile("\n\n".join(lines).encode())
    return compiled


def _typ(words: str) -> str:
    return "".join(f"\\{c}" if c in "#[]*_$@<>/" else c for c in words)
