"""The Together library: OpenAI's interfaces."""

from types import MappingProxyType, ModuleType

from tollbook.clients.openai import apis_at
from tollbook.clients.stainless import StainlessLibrary, patch_requests
from tollbook.process import Process


def patch(module: ModuleType, process: Process) -> None:
    """Meter the library, given its module `together._base_client`."""
    apis = apis_at("together_ai")
    # Versions differ in whether the version of the interface is part of the path.
    both = MappingProxyType({**apis, **{f"/v1{path}": api for path, api in apis.items()}})
    patch_requests(module, StainlessLibrary(module, both), process)
