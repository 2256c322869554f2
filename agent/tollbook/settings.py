"""Settings of the SDK: the one place that reads the environment.

Arguments of `instrument()` win over `TOLLBOOK_*`, these win over the standard `OTEL_*`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from tollbook import attributes

DEFAULT_ENDPOINT: Final = "http://localhost:4318"
DEFAULT_SERVICE_NAME: Final = "unknown_service:python"
TRACES_PATH: Final = "/v1/traces"
LIMITS_PATH: Final = "/v1/limits"
LIMITS_CHOICES: Final = ("off", "open", "closed")
OTLP_PORT: Final = 4318
API_PORT: Final = 4319  # of the collector that takes OTLP at the other
CONTENT_FIELDS: Final = ("system", "prompts", "answers", "tools")
CONTENT_CHARS_MAX: Final = 16_384  # of text in one attribute of content, unless set
CONTENT_CHARS_HIGHEST: Final = 1_000_000  # that may be set
DIGEST_KEY_CHARS_MIN: Final = 16
SETTING_CHARS_MAX: Final = 4096  # characters of one value, in the environment or as an argument
STREAM_USAGES: Final = ("estimate", "inject")  # the first is the default
TRUE: Final = frozenset({"true", "1", "yes", "on"})
FALSE: Final = frozenset({"", "false", "0", "no", "off"})


class SettingInvalid(ValueError):
    """A setting has a value that cannot be used; the message names the setting and the way out."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a process sends its spans.

    Attributes:
        traces_url: Where spans are posted, a full http or https URL. From the argument `endpoint`
            or `TOLLBOOK_ENDPOINT` (the path `/v1/traces` is added), else from
            `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` (taken as it is), else from
            `OTEL_EXPORTER_OTLP_ENDPOINT`; default `http://localhost:4318/v1/traces`.
        service_name: Resource attribute `service.name`. From the argument `service`,
            `TOLLBOOK_SERVICE`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`; default
            `unknown_service:python`.
        headers: Pairs of header name (lower case) and value sent with every request. From
            `OTEL_EXPORTER_OTLP_HEADERS` and `OTEL_EXPORTER_OTLP_TRACES_HEADERS`
            (`name=value,name=value`, percent-encoded); `TOLLBOOK_KEY` is sent as
            `authorization: Bearer …`. Default none. Never printed.
        resource: Further resource attributes, from `OTEL_RESOURCE_ATTRIBUTES`. Default none.
        tags: Tags of every call that names no other value, from the argument `tags`. Default none.
        disabled: Whether nothing is metered: `TOLLBOOK_DISABLED` (true or false), else
            `OTEL_SDK_DISABLED` (true). Default false.
        handed_over: Whether spans go to the program's own TracerProvider and nothing is sent: the
            argument `exporter=None`. Default false.
        span_directory: Where spans are on disk until they are delivered, so that those of a process
            that was killed are delivered by the next one: `TOLLBOOK_SPAN_DIRECTORY`. Costs a write
            per call on the caller's thread. Default none.
        handle_sigterm: Whether SIGTERM delivers what is there before it ends the process, at most
            1.6 seconds later: `TOLLBOOK_HANDLE_SIGTERM` (true or false). Default true.
        stream_usage: Of streams of OpenAI's shape that were not asked for their usage: "estimate"
            counts the text and says that it did; "inject" asks, by `stream_options`, and keeps the
            chunk that answers from the caller. From the argument `stream_usage` or
            `TOLLBOOK_STREAM_USAGE`. Default "estimate".
        budget_usd: US dollars that all model calls of the process together may cost; the call that
            would cross them raises `BudgetExceeded`: `TOLLBOOK_BUDGET_USD`. Default none.
        content: What of prompts and answers leaves the process, redacted: of `system`, `prompts`,
            `answers`, `tools` (arguments and results of tools). From the argument `content` or
            `TOLLBOOK_CONTENT` (`prompts,answers`, or `all`). Default none of it.
        content_chars_max: Characters of text in one attribute of content, 1 to 1,000,000; the rest
            is cut: `TOLLBOOK_CONTENT_CHARS_MAX`. Default 16,384.
        redact: A rule of the program's own for content, after the built-in ones, from the argument
            `redact`. Default none.
        digest_key: The secret of keyed digests, at least 16 characters: `TOLLBOOK_DIGEST_KEY`. With
            it each call carries a digest of its prompt. Never printed. Default none.
        pseudonyms: Names of tags whose texts leave as keyed digests only, such as `user`:
            `TOLLBOOK_PSEUDONYMS` (`user,session`), which needs `TOLLBOOK_DIGEST_KEY`. Default none.
        limits: Whether budgets and switches of the collector are obeyed, and what holds while they
            are not known: `off`, `open` (calls are made) or `closed` (calls are refused):
            `TOLLBOOK_LIMITS`. Default off.
        limits_url: Where they are asked for: `TOLLBOOK_LIMITS_ENDPOINT`, the URL of the collector's
            API (the path `/v1/limits` is added). Default the host of `traces_url`, with port 4319
            in place of 4318.
    """

    traces_url: str
    service_name: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    resource: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    disabled: bool = False
    handed_over: bool = False
    span_directory: str | None = None
    handle_sigterm: bool = True
    budget_usd: str | None = None
    stream_usage: str = "estimate"
    content: frozenset[str] = frozenset()
    content_chars_max: int = CONTENT_CHARS_MAX
    redact: Callable[[str], str] | None = field(default=None, repr=False)
    digest_key: str | None = field(default=None, repr=False)
    pseudonyms: frozenset[str] = frozenset()
    limits: str = "off"
    limits_url: str = ""


def read_settings(
    environment: Mapping[str, str],
    *,
    service: str | None = None,
    endpoint: str | None = None,
    tags: Mapping[str, str] | None = None,
    handed_over: bool = False,
    content: Iterable[str] | None = None,
    redact: Callable[[str], str] | None = None,
    stream_usage: str | None = None,
) -> Settings:
    """Return the settings that the arguments and the environment make.

    Args:
        environment: Variables by name, as `os.environ`.
        service: Name of the service, or None.
        endpoint: Base URL of the collector, or None.
        tags: Tags of every call, or None.
        handed_over: Whether spans go to the program's own TracerProvider.
        content: What of prompts and answers leaves the process, or None.
        redact: A rule of the program's own for it, or None.
        stream_usage: "estimate", "inject" or None.

    Raises:
        SettingInvalid: A value cannot be used.
    """
    resource = _pairs("OTEL_RESOURCE_ATTRIBUTES", environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    if service is not None and not isinstance(service, str):
        raise SettingInvalid(f"service is {service!r}, but must be text; pass service='checkout'")
    return Settings(
        traces_url=_traces_url(environment, endpoint),
        service_name=service
        or environment.get("TOLLBOOK_SERVICE")
        or environment.get("OTEL_SERVICE_NAME")
        or resource.get(attributes.SERVICE_NAME)
        or DEFAULT_SERVICE_NAME,
        headers=_headers(environment),
        resource=tuple((k, v) for k, v in resource.items() if k != attributes.SERVICE_NAME),
        tags=_tags(tags),
        disabled=_disabled(environment),
        handed_over=handed_over,
        span_directory=environment.get("TOLLBOOK_SPAN_DIRECTORY") or None,
        handle_sigterm=_truth("TOLLBOOK_HANDLE_SIGTERM", environment, default=True),
        budget_usd=_dollars(environment.get("TOLLBOOK_BUDGET_USD", "").strip()),
        stream_usage=_stream_usage(stream_usage, environment),
        content=_content(environment, content),
        content_chars_max=_number(
            "TOLLBOOK_CONTENT_CHARS_MAX", environment, CONTENT_CHARS_MAX, CONTENT_CHARS_HIGHEST
        ),
        redact=_callable("redact", redact),
        digest_key=_digest_key(environment),
        pseudonyms=_pseudonyms(environment),
        limits=_limits(environment),
        limits_url=_limits_url(environment, _traces_url(environment, endpoint)),
    )


def _traces_url(environment: Mapping[str, str], endpoint: str | None) -> str:
    candidates = [
        ("endpoint", endpoint, TRACES_PATH),
        ("TOLLBOOK_ENDPOINT", environment.get("TOLLBOOK_ENDPOINT"), TRACES_PATH),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
            "",
        ),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"),
            TRACES_PATH,
        ),
    ]
    for name, value, path in candidates:
        if value:
            _check_url(name, value)
            return value if not path else value.rstrip("/") + path
    return DEFAULT_ENDPOINT + TRACES_PATH


def _check_url(name: str, value: str) -> None:
    way_out = f"give a URL like {DEFAULT_ENDPOINT}"
    if not isinstance(value, str) or len(value) > SETTING_CHARS_MAX:
        raise SettingInvalid(
            f"{name} is {str(value)[:80]!r}, but must be text of at most {SETTING_CHARS_MAX}"
            f" characters; {way_out}"
        )
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError as error:
        raise SettingInvalid(f"{name} is {value!r}: {error}; {way_out}") from error
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        raise SettingInvalid(f"{name} is {value!r}, but must be an http or https URL; {way_out}")
    if not value.isascii() or any(c <= " " or c == "\x7f" for c in value):
        raise SettingInvalid(f"{name} is {value!r}, which has a blank or non-ASCII character")
    if url.query or url.fragment:
        raise SettingInvalid(f"{name} is {value!r}, but a query has no place there; {way_out}")
    if url.username is not None or url.password is not None:
        raise SettingInvalid(f"{name} holds a user name or password; give TOLLBOOK_KEY instead")


def _headers(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    headers: dict[str, str] = {}
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        pairs = _pairs(name, environment.get(name, ""), secret=True)
        headers.update({key.lower(): value for key, value in pairs.items()})
        for key, value in pairs.items():
            _check_header(name, key, value)
    if key := environment.get("TOLLBOOK_KEY", "").strip():
        _check_header("TOLLBOOK_KEY", "authorization", key)
        headers["authorization"] = f"Bearer {key}"
    return tuple(headers.items())


def _check_header(name: str, key: str, value: str) -> None:
    """Refuse what cannot stand in a header; the value may be a secret and is never shown."""
    token = key.isascii() and key.replace("-", "").replace("_", "").replace(".", "").isalnum()
    printable = value.isascii() and value.isprintable()
    if not token or not printable or len(value) > SETTING_CHARS_MAX:
        raise SettingInvalid(
            f"{name} holds the header {key[:80]!r} with a name or value that cannot be sent: only"
            f" printable ASCII, at most {SETTING_CHARS_MAX} characters; percent-encode the rest"
        )


def _pairs(name: str, text: str, *, secret: bool = False) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            shown = "a part" if secret else repr(part[:80])
            raise SettingInvalid(f"{name} has {shown} without '='; write name=value,name=value")
        pairs[unquote(key.strip())] = unquote(value.strip())
    return pairs


def _tags(tags: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    if tags is None:
        return ()
    if not isinstance(tags, Mapping):
        raise SettingInvalid(f"tags is {tags!r}, but must be a mapping; pass tags={{'team': 'x'}}")
    for key, value in tags.items():
        if not isinstance(key, str) or not key or not isinstance(value, str | int | float):
            raise SettingInvalid(
                f"tags has {key!r}: {value!r}, but a tag is a name and a text; pass tags={{'team':"
                " 'search'}"
            )
    return tuple((key, str(value)) for key, value in tags.items())


def _content(environment: Mapping[str, str], content: Iterable[str] | None) -> frozenset[str]:
    name = "TOLLBOOK_CONTENT" if content is None else "content"
    if content is None:
        content = environment.get("TOLLBOOK_CONTENT", "")
    if not isinstance(content, Iterable):
        raise SettingInvalid(
            f"content is {content!r}, but must be a list; pass content=['answers']"
        )
    chosen = frozenset(_names(content) if isinstance(content, str) else content) - {"none"}
    if chosen == {"all"}:
        return frozenset(CONTENT_FIELDS)
    if unknown := sorted(map(str, chosen.difference(CONTENT_FIELDS))):
        raise SettingInvalid(
            f"{name} has {unknown[0]!r}, but must be of {', '.join(CONTENT_FIELDS)}, or all"
        )
    return chosen


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _callable(name: str, value: Callable[[str], str] | None) -> Callable[[str], str] | None:
    if value is not None and not callable(value):
        raise SettingInvalid(f"{name} is {value!r}, but must be a function of a text to a text")
    return value


def _digest_key(environment: Mapping[str, str]) -> str | None:
    key = environment.get("TOLLBOOK_DIGEST_KEY", "").strip()
    if key and not DIGEST_KEY_CHARS_MIN <= len(key) <= SETTING_CHARS_MAX:
        raise SettingInvalid(
            f"TOLLBOOK_DIGEST_KEY has {len(key)} characters, but must have {DIGEST_KEY_CHARS_MIN}"
            f" to {SETTING_CHARS_MAX}; make one with: openssl rand -hex 32"
        )
    return key or None


def _pseudonyms(environment: Mapping[str, str]) -> frozenset[str]:
    names = frozenset(_names(environment.get("TOLLBOOK_PSEUDONYMS", "")))
    if names and _digest_key(environment) is None:
        raise SettingInvalid(
            "TOLLBOOK_PSEUDONYMS names tags, but their digests need a secret; set"
            " TOLLBOOK_DIGEST_KEY"
        )
    return names


def _limits(environment: Mapping[str, str]) -> str:
    choice = environment.get("TOLLBOOK_LIMITS", "").strip().lower() or "off"
    if choice not in LIMITS_CHOICES:
        raise SettingInvalid(
            f"TOLLBOOK_LIMITS is {choice[:80]!r}, but must be one of {', '.join(LIMITS_CHOICES)}"
        )
    return choice


def _limits_url(environment: Mapping[str, str], traces_url: str) -> str:
    if value := environment.get("TOLLBOOK_LIMITS_ENDPOINT"):
        _check_url("TOLLBOOK_LIMITS_ENDPOINT", value)
        return value.rstrip("/") + LIMITS_PATH
    parts = urlsplit(traces_url)
    place = parts.netloc
    if parts.port == OTLP_PORT:
        place = f"{place.removesuffix(f':{OTLP_PORT}')}:{API_PORT}"
    return f"{parts.scheme}://{place}{LIMITS_PATH}"


def _number(name: str, environment: Mapping[str, str], default: int, highest: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:10]) <= highest:
        raise SettingInvalid(f"{name} is {text[:80]!r}, but must be 1 to {highest}")
    return int(text)


def _disabled(environment: Mapping[str, str]) -> bool:
    ours = environment.get("TOLLBOOK_DISABLED")
    if ours is None:
        # The standard says that every other value means false.
        return environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return _truth("TOLLBOOK_DISABLED", environment, default=False)


def _dollars(text: str) -> str | None:
    if not text:
        return None
    whole, _, part = text.partition(".")
    digits = (whole + part).strip("0")
    if not (whole + part).isdecimal() or not text.isascii() or not digits or len(text) > 30:
        raise SettingInvalid(
            f"TOLLBOOK_BUDGET_USD is {text[:80]!r}, but must be dollars, more than 0; give 5.00"
        )
    return text


def _truth(name: str, environment: Mapping[str, str], *, default: bool) -> bool:
    value = environment.get(name)
    if value is None:
        return default
    text = value.strip().lower()
    if text not in TRUE | FALSE:
        raise SettingInvalid(f"{name} is {value!r}, but must be true or false")
    return text in TRUE


def _stream_usage(argument: str | None, environment: Mapping[str, str]) -> str:
    said = argument or environment.get("TOLLBOOK_STREAM_USAGE", "").strip() or STREAM_USAGES[0]
    if said not in STREAM_USAGES:
        raise SettingInvalid(
            f"stream_usage (TOLLBOOK_STREAM_USAGE) is {said!r}, but must be 'estimate' or 'inject'"
        )
    return said
