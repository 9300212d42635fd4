"""Secrets and personal data out of text, before it is stored, sent to a model or posted.

Each secret becomes a placeholder with its kind and a keyed hash, `<token:3f2a9c>`: the same secret is recognisable
within a tenant, and nobody without the tenant's key can test a guess. What an engineer needs stays: names of pods and
hosts, image digests, commit ids, uuids, IP addresses (public ones too: they name load balancers and peers), durations.

The patterns are our own and typed: what a secret is called tells an engineer what leaked. detect-secrets, which would
be the library for this, had no release in a year, finds lines and not spans, and knows no placeholders.

Two habits keep the patterns linear on hostile input. A pattern consumes what it looked at, whether or not it turns out
to be a secret (a predicate decides afterwards), so that no stretch is scanned twice; and quantifiers are possessive or
bounded.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from copilot.guard.shapes import is_card, is_credential, is_email, is_iban, is_mixed, is_said, is_telling

KINDS = ("token", "password", "secret", "key", "cookie", "email", "phone", "card", "iban")
PLACEHOLDER = re.compile(rf"<(?:{'|'.join(KINDS)}):[0-9a-f]{{6}}>")

# While text is worked on, each placeholder is one character of a private plane: no pattern can match inside it, and a
# value that holds one beside other characters is still one value.
FIRST, LAST = 0xF0000, 0x10FFFF
SHIELDED = re.compile(r"[\U000F0000-\U0010FFFF]")

# Names whose values are secrets, as the end of a longer name (DB_PASSWORD, spring.datasource.password, clientSecret).
PASSWORDS = r"pass(?:word|wd|phrase|code)s?|(?<![a-z])pwd"
SECRETS = (
    r"secret|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|private[_-]?key|(?:signing|encryption|account|shared[_-]?access|"
    r"master|access|api|app|auth|routing|integration|service|license|storage|deploy)[_-]?key(?:[_-]?id)?|credentials?|"
    r"(?<![a-z])signature|(?<![a-z])sig|(?<![a-z])salt|(?<![a-z])otp|(?<![a-z])ssn"
)
TOKENS = r"token|(?<![a-z])jwt|(?<![a-z])bearer|session[_-]?(?:id|key)|jsessionid|phpsessid|connect\.sid"
COOKIES = r"(?:set-)?cookies?"
PHONES = r"(?:tele)?phone(?:[_-]?(?:no|number))?|(?<![a-z])mobile(?:[_-]?number)?|msisdn"
NAMED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"(?:{names})\d?$", re.IGNORECASE))
    for kind, names in (
        ("password", PASSWORDS + r"|(?<![a-z])pass"),
        ("secret", SECRETS),
        ("token", TOKENS + r"|(?:proxy-)?authorization"),
        ("cookie", COOKIES),
        ("phone", PHONES),
        ("email", r"e-?mail(?:[_-]?address)?"),
    )
)
# Values under these names are secrets in whatever shape they come.
WHOLE = re.compile(r"^(?:credentials?|cookies?|set-cookie|secrets?data)$", re.IGNORECASE)

# A name, closing quote (perhaps escaped), separator, scheme; then the value: quoted (its end may be cut off) or bare.
ASSIGNED = r"""(?P<before>(?:{names})\d?\\*+["']?[ \t]*+(?:=>|:=|=|:)[ \t]*+(?:(?:bearer|basic|token)[ \t]++)?)"""
VALUE = (
    r"""(?:\\++"(?P<escaped>[^"\\\r\n]*+)|"(?P<double>(?:[^"\\\r\n]|\\.)*+)|'(?P<single>(?:[^'\\\r\n]|\\.)*+)|"""
    r"""(?P<bare>[^\s"'&;,)}\]\\]++))"""
)
# A name in a sentence, perhaps of what it is for, and the value behind "is".
SAID = r"""(?:{names})(?:[ \t]++(?:for|of|to|on|in)(?:[ \t]++[\w./@-]++){{1,4}}?)?[ \t]++(?:is|was)(?:[ \t]++now)?:?[ \t]++"""
# Where a URL's user information begins, and what follows a colon there that is a port.
USER = r"(?<=://)[^\s/?#:@\"'<>]"
NO_PORT = r"(?!\d{1,5}(?:[/?#\s\"',]|$))"
VALUES = ("escaped", "double", "single", "bare", "value")


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold one pattern: the group `value` (or one of `VALUES`) is the secret if `accepts` says so, the rest stays.

    Without any of its `hints` (small letters) in the text the pattern cannot match: a search for words is far cheaper.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool]


def rule(kind: str, hints: str, pattern: str, accepts: Callable[[str], bool] = is_telling, flags: int = 0) -> Rule:
    """Return a rule; hints are separated by blanks."""
    return Rule(kind, tuple(hints.split()), re.compile(pattern, flags), accepts)


def at_least(length: int) -> Callable[[str], bool]:
    """Return a predicate for values of a length."""
    return lambda value: len(value) >= length


def assigned(kind: str, hints: str, names: str, accepts: Callable[[str], bool] = is_telling) -> Rule:
    """Return the rule for `name = value` in its many spellings."""
    return rule(kind, hints, ASSIGNED.format(names=names) + VALUE, accepts, re.IGNORECASE)


# The order is from certain to likely: what is taken by one rule is out of the reach of the next.
RULES: tuple[Rule, ...] = (
    # JSON Web Tokens: {"… in base64. All three parts, or two (unsecured) with a final dot.
    rule("token", "eyj", r"(?P<value>eyJ[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+)*+)", lambda value: value.count(".") >= 2),
    rule("token", "gh github_pat_", r"(?P<value>(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]*+)", at_least(24)),
    rule("token", "gl", r"(?P<value>(?:glpat|gldt|glrt|glptt)-[A-Za-z0-9_.-]*+)", at_least(24)),
    rule("token", "xox xapp-", r"(?P<value>(?:xox[a-z]|xapp)-[A-Za-z0-9-]*+)", at_least(15)),
    rule(
        "token",
        "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<value>[A-Za-z0-9/_-]++)",
        at_least(8),
    ),
    rule("key", "akia asia abia acca", r"(?P<value>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]*+)", at_least(20)),
    rule("key", "_live_ _test_ whsec_", r"(?P<value>(?:[spr]k_(?:live|test)|whsec)_[A-Za-z0-9+/=]*+)", at_least(20)),
    rule("key", "aiza gocspx- ya29.", r"(?P<value>(?:AIza|GOCSPX-|ya29\.)[A-Za-z0-9_-]*+)", at_least(24)),
    rule("key", "sk-ant-", r"(?P<value>sk-ant-[A-Za-z0-9_-]*+)", at_least(20)),
    rule(
        "key",
        "sk-",
        r"(?<![A-Za-z0-9])(?P<value>sk-[A-Za-z0-9_-]*+)",
        lambda value: len(value) >= 23 and is_mixed(value),
    ),
    rule(
        "token",
        "npm_ dop_v1_ hvs. glsa_ pcsk_ dckr_pat_ shp atatt3 lin_api_ pypi-age sg. xkeysib-",
        r"(?P<value>(?:npm_|dop_v1_|hvs\.|glsa_|pcsk_|dckr_pat_|shp(?:at|ss|ca|pa)_|ATATT3|lin_api_|pypi-AgE|SG\.|"
        r"xkeysib-)[A-Za-z0-9_.=-]*+)",
        at_least(30),
    ),
    # PagerDuty: user keys begin with u+, Events keys stand in the path.
    rule("key", "u+", r"(?<![A-Za-z0-9+_-])(?P<value>u\+[A-Za-z0-9_+-]*+)", lambda value: len(value) == 20),
    rule("key", "/enqueue", r"/integration/(?P<value>[0-9a-f]*+)(?=/enqueue)", at_least(20)),
    # After the tokens: a key that is cut off ends where base64 does, and must not take the first letters of the next.
    rule(
        "key",
        "-----begin",
        r"(?P<value>-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:(?!-----).)*+-----END [A-Z0-9 ]{0,40}-----|"
        r"(?:[\s\\]*+n?(?:(?:Proc-Type|DEK-Info): [^\r\n\\]*+|[A-Za-z0-9+/=\U000F0000-\U0010FFFF]++(?![^\s\"'\\])))*+))",
        flags=re.DOTALL,
    ),
    # Headers.
    rule(
        "cookie",
        "cookie",
        r"(?<![A-Za-z])(?:set-)?cookie[\"']?[ \t]*+:[ \t]*+[\"']?(?P<value>[^\r\n\"']++)",
        flags=re.IGNORECASE,
    ),
    rule(
        "token",
        "authorization",
        r"authorization[\"']?[ \t]*+[:=][ \t]*+[\"']?digest[ \t]++(?P<value>[^\r\n]++)",
        flags=re.IGNORECASE,
    ),
    rule(
        "token",
        "authorization",
        r"authorization\\*+[\"']?[ \t]*+[:=][ \t]*+\\*+[\"']?"
        r"(?:(?:bearer|basic|token|apikey|genie[_-]?key|aws4-hmac-sha256)(?:[ \t]++|%20|\+)(?:token=)?)?"
        r"(?P<value>[^\s\"'\\,;]++)",
        flags=re.IGNORECASE,
    ),
    rule(
        "token",
        "bearer basic",
        r"(?<![A-Za-z])(?:bearer|basic)(?:[ \t]++|%20)(?P<value>[A-Za-z0-9._~+/=-]++)",
        is_credential,
        re.IGNORECASE,
    ),
    # User information in URLs: user:password@host, keeping user and host; a port is no password.
    rule("password", "://", rf"{USER}*+:{NO_PORT}(?P<value>(?:[^\s/\"'@]*+@)++)"),
    rule("password", "://", rf"{USER}{{0,64}}:{NO_PORT}(?P<value>[^\s\"'@]{{1,256}}@)(?=[\w.\[-])"),
    rule("token", "://", rf"(?P<value>{USER}++)(?=@)", at_least(20)),
    # Names that are secret only in a query.
    rule(
        "secret",
        "?key= &key= sig= auth= code= x-amz- x-goog-",
        r"[?&](?:key|sig|auth|code|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))="
        r"(?P<value>[^&\s\"'#<>]++)",
        flags=re.IGNORECASE,
    ),
    assigned("password", "pass pwd", PASSWORDS),
    rule(
        "password",
        "pass=",
        rf"(?<![A-Za-z])pass={VALUE}",
        lambda value: is_telling(value) and not value.isdigit(),
        re.IGNORECASE,
    ),
    # As people write: "my password is …", "the new api key was …".
    rule("password", "pass pwd", SAID.format(names=PASSWORDS) + VALUE, is_said, re.IGNORECASE),
    rule(
        "token",
        "token key",
        SAID.format(names=r"(?<![a-z])token|(?:api|access|auth|secret)[ _-]?key") + VALUE,
        lambda value: is_said(value) and len(value) >= 8,
        re.IGNORECASE,
    ),
    assigned("secret", "secret key credential sig salt otp ssn", SECRETS),
    assigned(
        "token",
        "token jwt bearer session sessid sid",
        TOKENS,
        lambda value: is_telling(value) and not (value.isdigit() and len(value) < 6),
    ),
    # Some other key, if its value looks drawn at random.
    assigned("key", "key", r"key", lambda value: len(value) >= 20 and is_mixed(value)),
    assigned("phone", "phone mobile msisdn", PHONES, lambda value: sum(letter.isdigit() for letter in value) >= 6),
    rule(
        "secret",
        "-password -passwd -token -secret -api -access",
        r"(?<![A-Za-z0-9-])--?(?:[A-Za-z0-9-]{0,40}-)?"
        rf"(?:password|passwd|token|secret|api-?key|access-key|secret-key)[ \t]++{VALUE}",
        lambda value: is_telling(value) and not value.startswith("-"),
        re.IGNORECASE,
    ),
    rule(
        "secret",
        "</",
        rf"<(?:[\w.:-]{{0,40}})(?:{PASSWORDS}|secret|token|apikey)>(?P<value>[^<\r\n]++)",
        flags=re.IGNORECASE,
    ),
    # People.
    rule("email", "@", r"(?<![\w.+%-])(?<!://)(?P<value>[\w.+%-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)", is_email),
    rule(
        "iban",
        "",
        r"(?<![A-Za-z0-9])(?P<value>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)(?![A-Za-z0-9])",
        is_iban,
    ),
    rule("card", "", r"(?<![\w.-])(?P<value>\d(?:[ -]?\d){12,18})(?![\w-])", is_card),
    rule("phone", "+", r"(?<![\w+])(?<![\d:] )(?P<value>\+[1-9](?:[ ().-]{0,2}\d){7,14})(?![\w])"),
    rule("phone", "-", r"(?<![\w.-])(?P<value>(?:\(\d{3}\) ?|\d{3}-)\d{3}-\d{4})(?![\w-])"),
)


class Redactor:
    """Replace secrets and personal data by placeholders; `counts` tells how many of each kind so far.

    The key belongs to one tenant, so that equal secrets of two tenants look different.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.counts: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Return how many secrets were replaced so far."""
        return self.counts.total()

    def text(self, text: str) -> str:
        """Return the text with placeholders; text that was redacted before comes back as it is."""
        shield = Shield()
        work = shield.cover(text)
        # A replacement can uncover a boundary that another rule looks for. Rounds go on until nothing changes, which
        # makes the result stable; a text that needs more than a few was made to.
        for _ in range(8):
            before, lowered = work, work.lower()
            for item in RULES:
                if not item.hints or any(hint in lowered for hint in item.hints):
                    work = item.pattern.sub(partial(self._replace, item=item, shield=shield), work)
            if work == before:
                break
        return shield.uncover(work)

    def data(self, value: Any) -> Any:
        """Return a JSON-like value with every text redacted, and whatever stands under a secret's name replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, list | tuple):
            return (
                type(value)(self.data(item) for item in value)
                if isinstance(value, list)
                else tuple(map(self.data, value))
            )
        return value

    def _mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        # A Kubernetes environment variable and a header in HAR name their secret beside it.
        beside = kind_of_name(value.get("name", value.get("key"))) if "value" in value else None
        of_secret = value.get("kind") == "Secret"
        redacted: dict[Any, Any] = {}
        for name, item in value.items():
            kind = beside if beside and name == "value" else kind_of_name(name)
            if (of_secret and name in {"data", "stringData"}) or (isinstance(name, str) and WHOLE.match(name)):
                redacted[name] = self._leaves(item, kind or "secret")
            elif kind and not isinstance(item, Mapping):
                redacted[name] = self._leaves(item, kind)
            else:
                redacted[self.text(name) if isinstance(name, str) else name] = self.data(item)
        return redacted

    def _leaves(self, value: Any, kind: str) -> Any:
        """Return the value with each leaf replaced; truth values and null say nothing and stay."""
        if isinstance(value, Mapping):
            return {name: self._leaves(item, kind) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._leaves(item, kind) for item in value]
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        if not is_telling(text) or PLACEHOLDER.fullmatch(text):
            return value
        return self._placeholder(kind, text)

    def _replace(self, match: re.Match[str], *, item: Rule, shield: Shield) -> str:
        groups = match.groupdict()
        name = next((name for name in VALUES if groups.get(name) is not None), None)
        if name is None:
            return match[0]
        value = match[name]
        # The last @ of user information belongs to the host.
        trailing = "@" if item.kind == "password" and name == "value" and value.endswith("@") else ""
        value = value.removesuffix("@") if trailing else value
        if not SHIELDED.sub("", value).strip() or not item.accepts(value):
            return match[0]
        start, end = match.start(name) - match.start(), match.end(name) - match.start()
        covered = shield.character(self._placeholder(item.kind, shield.uncover(value)))
        return f"{match[0][:start]}{covered}{trailing}{match[0][end:]}"

    def _placeholder(self, kind: str, secret: str) -> str:
        self.counts[kind] += 1
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"<{kind}:{digest[:6]}>"


class Shield:
    """Keep placeholders as single private characters while a text is worked on."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._characters: dict[str, str] = {}

    def cover(self, text: str) -> str:
        """Return the text with its placeholders as single characters; private characters of its own are dropped."""
        return PLACEHOLDER.sub(lambda match: self.character(match[0]), SHIELDED.sub("\ufffd", text))

    def uncover(self, text: str) -> str:
        """Return the text with its placeholders written out."""
        return SHIELDED.sub(lambda match: self._texts[ord(match[0]) - FIRST], text)

    def character(self, placeholder: str) -> str:
        """Return the character for a placeholder; beyond 131,000 different ones they share one per kind."""
        if placeholder not in self._characters:
            if len(self._texts) > LAST - FIRST - len(KINDS):
                placeholder = f"{placeholder[:-7]}000000>"
            if placeholder not in self._characters:
                self._characters[placeholder] = chr(FIRST + len(self._texts))
                self._texts.append(placeholder)
        return self._characters[placeholder]


def kind_of_name(name: object) -> str | None:
    """Return the kind of secret that a field of this name holds, None for other fields."""
    if not isinstance(name, str):
        return None
    return next((kind for kind, pattern in NAMED if pattern.search(name)), None)
