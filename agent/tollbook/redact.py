"""Takes secrets and marks of persons out of texts before they leave the process.

Rules are patterns whose time grows with the length of the text only; numbers of cards must pass
Luhn's check. What a rule finds becomes its name in brackets. A rule of the program's own comes last
and sees the text as it would leave. If any rule fails the text does not leave at all.
"""

import re
from collections.abc import Callable
from typing import Final

Redact = Callable[[str], str]

PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,8192}?(?:-----END [A-Z ]{0,30}-----|\Z)"
)
# By what they begin with; then by what stands in front of them; then by what an URL holds.
TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,256}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{20,64}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,256}|xai-[A-Za-z0-9]{20,128}|gsk_[A-Za-z0-9]{20,128}"
    r"|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,512}|hf_[A-Za-z0-9]{20,64}"
    r"|npm_[A-Za-z0-9]{36}|dop_v1_[0-9a-f]{64}|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"
    r"|eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096}(?:\.[A-Za-z0-9_-]{0,4096})?"
    r")"
)
NAMED: Final = re.compile(
    r"(?i)(?P<name>\b(?:bearer\s|basic\s|[a-z0-9_-]{0,40}(?:password|passwd|passphrase|secret|token"
    r"|api[_-]?key|access[_-]?key|private[_-]?key)\b[\"']?\s{0,3}[:=]\s{0,3}[\"']?))"
    r"(?P<value>[^\s\"',;]{6,4096})"
)
URL_USER: Final = re.compile(r"(?P<scheme>://)[^\s/:@]{1,256}:[^\s/@]{1,256}(?=@)")
EMAIL: Final = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,63}")
DIGITS: Final = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)")
GAP: Final = re.compile("[ -]")
CARD_DIGITS: Final = range(13, 20)  # how many a number of a card has
PHONE: Final = re.compile(
    r"(?<![\w.])(?:"
    r"(?:\+|00)[1-9](?:[ ().\-/]{0,2}\d){7,14}"  # with the country in front
    r"|\(\d{2,5}\)[ .\-/]?\d(?:[ .\-/]?\d){4,9}"  # (030) 901820
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}"  # 415-555-0132
    r"|0\d{2,4}[ \-/]\d(?:[ ]?\d){4,8}"  # 030 901820
    r")(?!\w)"
)


def redacted(text: str, own: Redact | None = None) -> str:
    """Return a text without secrets, e-mail addresses, numbers of cards and of telephones.

    Args:
        text: Any text.
        own: A rule of the program's own, or None.

    Raises:
        TypeError: The program's rule returned something that is no text.
        Exception: What the program's rule raises.
    """
    text = PRIVATE_KEY.sub("[secret]", text)
    text = URL_USER.sub(r"\g<scheme>[secret]", text)
    text = TOKEN.sub("[secret]", text)
    text = NAMED.sub(_without_value, text)
    if "@" in text:
        text = EMAIL.sub("[email]", text)
    text = DIGITS.sub(_card, text)
    text = PHONE.sub("[phone]", text)
    if own is None:
        return text
    said = own(text)
    if not isinstance(said, str):
        raise TypeError(f"redact returned {type(said).__name__}, but must return text")
    return said


def is_card(digits: str) -> bool:
    """Return whether digits pass Luhn's check, as every card's number does."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0 and len(set(digits)) > 1


def _card(found: re.Match[str]) -> str:
    # Other numbers may stand beside it, so each row of groups is looked at.
    groups = GAP.split(found[0])
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) in CARD_DIGITS and is_card(digits):
                return "[card]"
    return found[0]


def _without_value(found: re.Match[str]) -> str:
    if found["value"].startswith("[secret]"):
        return found[0]
    return f"{found['name']}[secret]"
