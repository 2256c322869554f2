"""LiteLLM's own requests, by the interface that they are posted to.

What it sends through another library that is metered, as it does for OpenAI, is that library's call
and does not come here.
"""

import json
import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any, Final

from tollbook.clients.bedrock import CHAT as BEDROCK_CHAT
from tollbook.clients.cohere import APIS as COHERE_APIS
from tollbook.clients.google import APIS as GOOGLE_APIS
from tollbook.clients.http_response import REQUEST_BYTES_MAX, AskedIn, settle_response
from tollbook.clients.messages import Messages
from tollbook.clients.ollama import APIS as OLLAMA_APIS
from tollbook.clients.openai import apis_at
from tollbook.export import Exporter
from tollbook.meter import Api, Asked, Meter, Observation
from tollbook.process import Process

# By the end of a request's path, the longest first.
APIS: Final[Mapping[str, Api]] = MappingProxyType(
    {
        **{f":{verb}": api for verb, api in GOOGLE_APIS.items()},
        **{f"/{path}": api for path, api in COHERE_APIS.items()},
        **OLLAMA_APIS,
        "/converse": BEDROCK_CHAT,
        "/converse-stream": BEDROCK_CHAT,
        "/v1/messages": Messages(),
        **apis_at("openai"),
    }
)
ENDS: Final = sorted(APIS, key=len, reverse=True)
STREAMED: Final = re.compile(rb'"stream"\s*:\s*true')  # in a text the quotes would be escaped


class LiteLLMLibrary:
    """Reads the arguments and results of the `post` of its HTTP clients."""

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is posted to an interface of a provider."""
        url = str(args[0] if args else kwargs["url"])
        path = url.partition("?")[0]
        end = next((end for end in ENDS if path.endswith(end)), None)
        if end is None:
            return None
        api = APIS[end]
        body = kwargs.get("json") or kwargs.get("data") or (args[1] if len(args) > 1 else None)
        body = body.encode("utf-8", "replace") if type(body) is str else body
        streams = bool(kwargs.get("stream"))
        if (
            type(body) is bytes
            and len(body) <= REQUEST_BYTES_MAX
            and (streams or STREAMED.search(body) is None)
        ):
            asked: Any = AskedIn(body, partial(asked_by, api, path), streams)
            observation = Observation(api, asked, url, exporter)
            observation.body_bytes = len(body)
            return observation
        body = json.loads(body) if isinstance(body, bytes) else body
        said = asked_by(api, path, body if type(body) is dict else {})
        said = said._replace(stream=streams or said.stream is True)
        return Observation(api, said, url, exporter)

    def settle(self, observation: Observation, result: Any) -> Any:
        """Learn from the HTTP response, which is read already or still to be."""
        settle_response(observation, result)
        return result


def asked_by(api: Api, path: str, body: Mapping[str, Any]) -> Asked:
    """Return what a request asks for; its path may name the model."""
    asked = api.asked(body)
    return asked if asked.model else asked._replace(model=model_in(path))


def model_in(path: str) -> str | None:
    """Return the model that a path names, as Google's and Bedrock's do."""
    for mark, end in (("/models/", ":"), ("/model/", "/")):
        if mark in path:
            return path.rpartition(mark)[2].partition(end)[0]
    return None


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `litellm.llms.custom_httpx.http_handler`."""
    meter = Meter(LiteLLMLibrary(), process)
    module.HTTPHandler.post = meter.wrap(module.HTTPHandler.post)
    module.AsyncHTTPHandler.post = meter.wrap_async(module.AsyncHTTPHandler.post)
