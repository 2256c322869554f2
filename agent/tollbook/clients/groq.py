"""The Groq library: OpenAI's interfaces under a path of its own."""

from types import MappingProxyType, ModuleType

from tollbook.clients.openai import apis_at
from tollbook.clients.stainless import StainlessLibrary, patch_requests
from tollbook.process import Process


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `groq._base_client`."""
    apis = MappingProxyType({f"/openai/v1{path}": api for path, api in apis_at("groq").items()})
    patch_requests(module, StainlessLibrary(module, apis), process)
