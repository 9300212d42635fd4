"""What a value must look like to be a secret, an address, a card or an account, and not an infrastructure word."""

from __future__ import annotations

import re

# Words that stand where a secret would and are none: states, types, and what logs say about secrets.
PLAIN = frozenset(
    """
    a an and are basic bearer blank bytes can cannot changed could credentials denied did disabled does empty
    enabled error expired failed false for had has hidden in incorrect int integer invalid is key masked missing
    must nil no none not null number object of off on optional or password redacted refused rejected required
    revoked rotated secret should signature str string the to token true unavailable unchanged undefined unknown
    unset valid was were will wrong yes
    """.split()  # noqa: SIM905 - a list of eighty literals reads worse
)
# Stars, or a reference to where the secret is: ${DB_PASSWORD}, $DB_PASSWORD, $(cat …), {{ .Values.key }}, %s.
MASKED = re.compile(
    r"[*xX.•_#-]+|\$\{\w+\}?|\$[A-Z_][A-Z0-9_]*|\$\([\w/. -]*\)?|\{\{[\w. -]*(?:\}\})?|%[sdvqr]|%\(\w+\)?s?|%\{\w+\}?"
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
HEX = re.compile(r"(?:0x)?[0-9a-f]+", re.IGNORECASE)
UNITS = frozenset(("service", "socket", "timer", "target", "mount", "slice", "scope", "path", "device", "swap"))
# Visa, Mastercard, American Express, Diners Club, Discover, JCB.
CARD = re.compile(
    r"4\d{15}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}"
)
MACHINES = (".iam.gserviceaccount.com", ".gserviceaccount.com")


def is_telling(value: str) -> bool:
    """Return whether a value under a secret's name tells something: it is no state, no mask and no reference."""
    bare = value.strip().strip("<>[]().:!?").lower()
    return bool(bare) and bare not in PLAIN and not MASKED.fullmatch(value.strip())


def is_said(value: str) -> bool:
    """Return whether what follows "password is" is one, and not the next word of a sentence: no word alone, and no number of days."""
    bare = value.strip(".!?")
    return is_telling(value) and len(bare) >= 4 and not re.fullmatch(r"[A-Za-z]?[a-z]*(?:['’-][a-z]+)*", bare)


def is_credential(value: str) -> bool:
    """Return whether what follows "Bearer" or "Basic" is a credential, and not the next word of a sentence."""
    word = value.strip(".").isalpha() and (value.islower() or value.istitle())
    return len(value) >= 24 or (len(value) >= 8 and not word)


def is_mixed(value: str) -> bool:
    """Return whether a value looks drawn at random: capitals, small letters and digits, and no uuid, hash or path."""
    if UUID.fullmatch(value) or HEX.fullmatch(value) or "/" in value[:1]:
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(kind(letter) for letter in value) for kind in kinds)


def is_email(value: str) -> bool:
    """Return whether an address is a person's: not a package's, a systemd unit's or a machine's."""
    local, _, domain = value.rpartition("@")
    last = domain.rpartition(".")[2].lower()
    if "." not in domain or not last.isalpha() or len(last) < 2 or last in UNITS:
        return False
    return local != "git" and not domain.lower().endswith(MACHINES)


def is_card(value: str) -> bool:
    """Return whether digits are a payment card's: a network's first digits, its length, and Luhn's check.

    The first digits keep timestamps and decimal trace ids out, one in ten of which passes Luhn's check by chance.
    """
    digits = "".join(letter for letter in value if letter.isdigit())
    if not CARD.fullmatch(digits):
        return False
    total = 0
    for index, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if index % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def is_iban(value: str) -> bool:
    """Return whether a text is an account number after ISO 13616: letters as numbers, remainder 1 modulo 97."""
    packed = value.replace(" ", "")
    if not 15 <= len(packed) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in packed[4:] + packed[:4])) % 97 == 1
