"""Tell by the name of a column whether it may hold personal data.

In:  a name, in any of a few languages, without accents.
Out: whether it says so, or may mean a person or a thing. Values are never looked at.
"""

import re

_PERSONAL = re.compile(
    r"(^|_)("
    r"(first|last|full|given|family|middle|maiden|birth|user)_?name|surname|forename|vorname|"
    r"nachname|familienname|prenom|apellidos?|cognome|voornaam|achternaam|"
    r"e_?mails?|phone|telephone|tel|telefono?|telefon_?(nummer|nr)|mobile?|handy|fax|ip|"
    r"address|street|post(al)?_?code|zip|zip_?code|latitude|longitude|[a-z]*adresse|anschrift|"
    r"[a-z]*strasse|plz|postleitzahl|direccion|indirizzo|"
    r"birth|birth_?day|birth_?date|dob|geburt[a-z]*|geboren|naissance|nacimiento|nascita|"
    r"gender|geschlecht|salary|gehalt|salaire|"
    r"ssn|social_security|passport|iban|tax_?id|steuer_?nummer|ahv_?nr"
    r")(_|$)"
)
_PEOPLE = (
    "customer|client|patient|employee|contact|person|author|kunden?|kontakt|mitarbeiter|patienten|"
    "ansprechpartner|inhaber"
)
_UNSURE = re.compile(rf"names?|nom|nombre|nome|naam|({_PEOPLE})(_?names?)?")


def looks_personal(column: str) -> bool:
    """Say whether the name of a column looks like personal data."""
    return bool(_PERSONAL.search(column.lower()))


def may_name_a_person(column: str) -> bool:
    """Say whether a text under this name may be that of a person, as well as of a thing."""
    return bool(_UNSURE.fullmatch(column.lower()))
