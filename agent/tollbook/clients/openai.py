"""The OpenAI library, its client for Azure, and all who speak its interface at a host of theirs."""

from dataclasses import replace
from types import MappingProxyType, ModuleType
from typing import Final

from tollbook.clients.completions import Completions
from tollbook.clients.media import Media
from tollbook.clients.responses import Responses
from tollbook.clients.results import OpenAIReads, patch_gets
from tollbook.clients.stainless import Apis, StainlessLibrary, patch_requests
from tollbook.clients.thread_run import ThreadRun
from tollbook.process import Process


def apis_at(provider: str) -> Apis:
    """Return the interfaces by path, with the provider that answers where the host is unknown.

    A star is the id of a video, a thread or a run.
    """
    images, speech = Media("image", provider), Media("speech", provider)
    text, chat = Media("text", provider), Completions(provider=provider)
    video, run = Media("video", provider), ThreadRun(provider)
    return MappingProxyType(
        {
            "/chat/completions": chat,
            "/responses": Responses(provider),
            "/responses/compact": Responses(provider),
            "/decisions": replace(Responses(provider), operation="generate_content", api_type=None),
            "/embeddings": replace(chat, operation="embeddings", api_type=None),
            "/completions": replace(chat, operation="text_completion", api_type=None),
            "/images/generations": images,
            "/images/edits": images,
            "/images/variations": images,
            "/videos": video,
            "/videos/edits": video,
            "/videos/extensions": video,
            "/videos/*/remix": video,
            "/threads/runs": run,
            "/threads/*/runs": run,
            "/threads/*/runs/*/submit_tool_outputs": run,
            "/audio/transcriptions": text,
            "/audio/translations": text,
            "/audio/speech": speech,
            "/rerank": replace(chat, operation="rerank", api_type=None),
        }
    )


APIS: Final = apis_at("openai")
VARIANTS: Final = MappingProxyType(
    {"openai.lib.azure": apis_at("azure.ai.openai"), "openai.lib.bedrock": apis_at("aws.bedrock")}
)


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `openai._base_client`."""
    library = StainlessLibrary(module, APIS, VARIANTS)
    patch_requests(module, library, process)
    patch_gets(module, process, OpenAIReads(library.provider_of))
