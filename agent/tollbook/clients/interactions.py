"""The Interactions of the Google Gen AI library, which it sends by a client of their own.

One that is made in the background is billed when it is there: when the program reads it.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

from tollbook.clients.field import field, latest, token_count, total_count
from tollbook.clients.http_response import arguments_with_model, observation_of, settle_response
from tollbook.clients.results import Seen
from tollbook.export import Exporter
from tollbook.meter import Asked, Facts, Meter, Observation
from tollbook.model_call import Usage
from tollbook.process import Process
from tollbook.tally import FAULT

WAITING: Final = frozenset({"queued", "in_progress"})  # the states of an interaction to come
FAILED: Final = "failed"
COMPLETED: Final = "interaction.completed"
CREATED: Final = "create_response"  # the operation of a call whose answer is billed later
PATH_END: Final = "/interactions"
READ_PATH: Final = re.compile(r"/interactions/([^/:]+)$")
WAITING_SAID: Final = re.compile(rb'"status"\s*:\s*"(?:queued|in_progress)"')
# Of the tools that ground an answer, those that are charged for each search.
SEARCHES: Final = frozenset({"google_search", "google_maps", "retrieval"})


@dataclass(frozen=True)
class Interactions:
    """An interaction with a model or an agent, whole or streamed."""

    provider: str = "gcp.gemini"
    operation: str = "generate_content"
    api_type: str | None = None
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body."""
        config = body.get("generation_config")
        get = config.get if type(config) is dict else {}.get
        return Asked(
            body.get("model") or body.get("agent"),
            body.get("stream"),
            get("max_output_tokens"),
            get("temperature"),
            get("top_p"),
            seed=get("seed"),
            reasoning_level=get("thinking_level"),
            service_tier=body.get("service_tier"),
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of an interaction."""
        status = field(answer, "status")
        over = type(status) is str and status not in WAITING
        return Facts(
            field(answer, "id") or None,
            field(answer, "model") or field(answer, "agent"),
            field(answer, "service_tier"),
            field(answer, "usage"),
            ((0, status),) if over else (),
            error=first_code(answer) or FAILED if status == FAILED else None,
        )

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of the first event, of the last one, and of an error."""
        kind = field(event, "event_type")
        if kind == "error":
            return Facts(error=str(field(field(event, "error"), "code") or "error"))
        if kind == COMPLETED:
            facts = self.answer(field(event, "interaction"))
            return facts._replace(last=facts.usage is not None)
        return self.answer(field(event, "interaction")) if first else None

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, with totals made inclusive.

        What tools put into the prompt is beside the input. Thoughts are beside the output, unless
        the total of all shows that they are in it.
        """
        prompt = token_count(latest(usages, "total_input_tokens"))
        output = token_count(latest(usages, "total_output_tokens"))
        thoughts = token_count(latest(usages, "total_thought_tokens"))
        inputs = total_count(prompt, latest(usages, "total_tool_use_tokens"))
        if latest(usages, "total_tokens") != total_count(inputs, output):
            output = total_count(output, thoughts)
        cached_audio = of_modality(usages, "audio", "cached_tokens_by_modality") or 0
        audio = of_modality(
            usages, "audio", "input_tokens_by_modality", "tool_use_tokens_by_modality"
        )
        return Usage(
            input_tokens=inputs if prompt is not None else None,
            cache_read_tokens=token_count(latest(usages, "total_cached_tokens")),
            input_audio_tokens=max(audio - cached_audio, 0) if audio is not None else None,
            output_tokens=output,
            reasoning_tokens=thoughts,
            output_audio_tokens=of_modality(usages, "audio", "output_tokens_by_modality"),
            output_image_tokens=of_modality(usages, "image", "output_tokens_by_modality"),
            web_search_requests=total_count(
                *(
                    field(tool, "count")
                    for tool in latest(usages, "grounding_tool_count") or ()
                    if field(tool, "type") in SEARCHES
                )
            ),
        )


def first_code(answer: Any) -> str | None:
    """Return the code of the first error of an interaction, None where it says none."""
    code = next((field(error, "code") for error in field(answer, "errors") or ()), None)
    return str(code) if code is not None else None


def of_modality(usages: Sequence[Any], modality: str, *names: str) -> int | None:
    """Return the tokens of a modality, None where the details do not name it."""
    return total_count(
        *(
            field(detail, "tokens")
            for name in names
            for detail in latest(usages, name) or ()
            if field(detail, "modality") == modality
        )
    )


API: Final = Interactions()


class InteractionsLibrary:
    """Reads the arguments and results of `do_request`, which holds the retries."""

    def __init__(self) -> None:
        self._waiting = Seen()  # interactions that are made in the background
        self._billed = Seen()

    def begin(
        self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], exporter: Exporter
    ) -> Observation | None:
        """Return an observation if the request is for an interaction."""
        request = args[1] if len(args) > 1 else kwargs["request"]
        if request.method != "POST" or not request.url.path.endswith(PATH_END):
            return None
        stream = bool(args[3] if len(args) > 3 else kwargs.get("stream"))
        return observation_of(request, API, stream, exporter)

    def with_model(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], model: str
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """Return the arguments that ask another model, None where the request names none."""
        return arguments_with_model(args, kwargs, model)

    def settle(self, observation: Observation, result: Any) -> Any:
        """Learn from the HTTP response, which the library is still to read."""
        said = waiting_in(result)
        if said is not None:
            self._waiting.add(field(said, "id"))
            observation.api = replace(API, operation=CREATED)
        settle_response(observation, result)
        return result

    def read(self, request: Any, response: Any, exporter: Exporter) -> None:
        """Record an interaction that was made in the background and is there now."""
        named = READ_PATH.search(request.url.path)
        if named is None or request.method != "GET":
            return
        name = named[1]
        if waiting_in(response) is not None:
            self._waiting.add(name)
            return
        content = content_of(response)
        if content is None or name not in self._waiting:
            return
        interaction = json.loads(content)
        if field(interaction, "usage") is None or not self._billed.is_new(name):
            return
        asked = Asked(field(interaction, "model") or field(interaction, "agent"))
        observation = Observation(API, asked, str(request.url), exporter)
        observation.keep(API.answer(interaction))
        observation.finish()


def content_of(response: Any) -> bytes | None:
    """Return the body of a response, None of one that is still to be read."""
    content = vars(response).get("_content")
    return content if isinstance(content, bytes) else None


def waiting_in(response: Any) -> Any:
    """Return the interaction in a response if it is still to come, else None."""
    content = content_of(response)
    if content is None or not WAITING_SAID.search(content):
        return None
    said = json.loads(content)
    return said if field(said, "status") in WAITING else None


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `google.genai._gaos.basesdk`."""
    library = InteractionsLibrary()
    meter = Meter(library, process)
    sync_client, async_client = module.BaseSDK, module.AsyncBaseSDK
    sync_client.do_request = seen(meter.wrap(sync_client.do_request), library, process)
    async_client.do_request_async = seen_async(
        meter.wrap_async(async_client.do_request_async), library, process
    )


def seen(do_request: Any, library: InteractionsLibrary, process: Process) -> Any:
    """Return what sends a request, and sees the interactions that it reads."""

    @functools.wraps(do_request)
    def done(client: Any, *args: Any, **kwargs: Any) -> Any:
        response = do_request(client, *args, **kwargs)
        see(library, process, args, kwargs, response)
        return response

    return done


def seen_async(do_request: Any, library: InteractionsLibrary, process: Process) -> Any:
    """Return what sends a request, as `seen` does."""

    @functools.wraps(do_request)
    async def done(client: Any, *args: Any, **kwargs: Any) -> Any:
        response = await do_request(client, *args, **kwargs)
        see(library, process, args, kwargs, response)
        return response

    return done


def see(
    library: InteractionsLibrary,
    process: Process,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    response: Any,
) -> None:
    """Record what a response brings. Never raises."""
    try:
        exporter = process.exporter
        if exporter is not None and exporter.enabled:
            request = args[1] if len(args) > 1 else kwargs["request"]
            library.read(request, response, exporter)
    except Exception:
        process.losses.count(FAULT)
