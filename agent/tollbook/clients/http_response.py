"""An HTTP response as the answer: where a library hands on the bytes, they are what we learn from.

The caller reads the response and has it unchanged; the export thread decodes a copy of its bytes.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from tollbook.export import Exporter
from tollbook.meter import Api, Asked, Observation
from tollbook.stream import tap_body

ERROR_STATUS_MIN: Final = 400
REQUEST_BYTES_MAX: Final = 2**20  # of a request that are kept; a longer one is decoded at once
# Kinds of content that say a usage; sound and pictures do not, and are not kept.
READABLE: Final = re.compile("json|event-stream|text")


class AskedIn:
    """What the bytes of a request ask for: an `Asked` that is decoded when it is looked at.

    That is on the export thread, unless a limit has to know.

    Args:
        content: The body, JSON.
        asked: Returns the plain values of the decoded body.
        stream: Whether a stream is asked for, which is known beforehand.
    """

    __slots__ = ("_asked", "_content", "_decoded", "stream")

    def __init__(
        self, content: bytes, asked: Callable[[Mapping[str, Any]], Asked], stream: bool
    ) -> None:
        self._content = content
        self._asked = asked
        self._decoded: Asked | None = None
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        if self._decoded is None:
            body = json.loads(self._content)
            asked = self._asked(body if type(body) is dict else {})
            self._decoded = asked._replace(stream=self.stream)
        return getattr(self._decoded, name)

    def __iter__(self) -> Iterator[object]:
        return iter(self._replace())


def observation_of(
    request: Any,
    api: Api,
    stream: bool,
    exporter: Exporter,
    asked: Callable[[Mapping[str, Any]], Asked] | None = None,
) -> Observation:
    """Return the observation of a request of httpx; its bytes wait with those of the answer."""
    content = request.content
    said = cast(Asked, AskedIn(content, asked or api.asked, stream))
    if len(content) > REQUEST_BYTES_MAX:
        return Observation(api, said._replace(), str(request.url), exporter)
    observation = Observation(api, said, str(request.url), exporter)
    observation.body_bytes = len(content)
    return observation


def settle_response(observation: Observation, response: Any) -> None:
    """Learn from the bytes of a response: those that are there, or those that will be read.

    Args:
        observation: The call.
        response: The response of httpx or httpx2. One with an error's status ends the call.
    """
    if response.status_code >= ERROR_STATUS_MIN:
        observation.finish(str(response.status_code))
        return
    keep = READABLE.search(response.headers.get("content-type", "json")) is not None
    content = vars(response).get("_content")
    if content is not None:
        if keep:
            observation.keep_body(content)
        observation.finish()
        return
    observation.streamed = bool(observation.asked.stream)
    if keep:
        observation.body = []
        encoding = response.headers.get("content-encoding")
        if encoding:
            observation.decode = decoder(type(response), encoding)
    tap_body(response, observation, keep)


def http_response(result: Any) -> Any:
    """Return the HTTP response that a result wraps or is."""
    for name in ("http_response", "response"):
        if (wrapped := getattr(result, name, None)) is not None:
            return wrapped
    return result


def request_with_model(request: Any, model: str) -> Any | None:
    """Return a request of httpx whose body names another model, None where it names none."""
    body = json.loads(request.content)
    if "model" not in body:
        return None
    headers = [item for item in request.headers.multi_items() if item[0] != "content-length"]
    return type(request)(
        request.method,
        request.url,
        headers=headers,
        content=json.dumps({**body, "model": model}).encode(),
        extensions=request.extensions,
    )


def arguments_with_model(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the arguments of `do_request`, its request the second, that ask another model."""
    given = args[1] if len(args) > 1 else kwargs["request"]
    request = request_with_model(given, model)
    if request is None:
        return None
    if len(args) > 1:
        return (args[0], request, *args[2:]), dict(kwargs)
    return args, {**kwargs, "request": request}


def decoder(response_class: type, encoding: str) -> Callable[[list[bytes]], bytes]:
    """Return what undoes a content encoding, by the HTTP library's own decoders."""

    def decode(chunks: list[bytes]) -> bytes:
        headers = {"content-encoding": encoding}
        response = response_class(200, headers=headers, content=iter(chunks))
        return b"".join(response.iter_bytes())

    return decode
