"""One file per client library; the list of them, and the hook that meters one when it is imported.

A library is metered right after the module that holds its request layer was executed, whether the
program imports it before `instrument()` or after. Nothing is imported that the program did not.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Final

from tollbook.process import Process
from tollbook.tally import FAULT

if TYPE_CHECKING:  # importlib.abc alone takes longer to import than all of tollbook
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

# The module whose classes send every request of a library: the module of ours that meters it.
CLIENTS: Final = MappingProxyType(
    {
        "openai._base_client": "tollbook.clients.openai",
        "openai.resources.responses.responses": "tollbook.clients.responses_socket",
        "openai.resources.realtime.realtime": "tollbook.clients.realtime",
        "openai.resources.live.live": "tollbook.clients.realtime",
        "openai.resources.beta.realtime.realtime": "tollbook.clients.realtime",
        "anthropic._base_client": "tollbook.clients.anthropic",
        "google.genai._api_client": "tollbook.clients.google",
        "google.genai._gaos.basesdk": "tollbook.clients.interactions",
        "google.genai.live": "tollbook.clients.google_live",
        "botocore.client": "tollbook.clients.bedrock",
        "mistralai.basesdk": "tollbook.clients.mistral",  # before version 2
        "mistralai.client.basesdk": "tollbook.clients.mistral",
        "mistralai.azure.client.basesdk": "tollbook.clients.mistral",
        "mistralai.gcp.client.basesdk": "tollbook.clients.mistral",
        "cohere.core.http_client": "tollbook.clients.cohere",
        "ollama._client": "tollbook.clients.ollama",
        "groq._base_client": "tollbook.clients.groq",
        "together._base_client": "tollbook.clients.together",
        "huggingface_hub.inference._client": "tollbook.clients.huggingface",
        "huggingface_hub.inference._generated._async_client": "tollbook.clients.huggingface",
        "xai_sdk.sync.chat": "tollbook.clients.xai",
        "xai_sdk.aio.chat": "tollbook.clients.xai",
        "langchain_core.tracers.context": "tollbook.clients.langchain",
        "agents.tracing": "tollbook.clients.openai_agents",
        "mcp.client.session": "tollbook.clients.mcp",
        "pydantic_ai.agent": "tollbook.clients.pydantic_ai",
        "pydantic_ai.toolsets.function": "tollbook.clients.pydantic_ai",
        "llama_index.core.instrumentation": "tollbook.clients.llama_index",
        "crewai.crew": "tollbook.clients.crewai",
        "crewai.task": "tollbook.clients.crewai",
        "crewai.hooks.tool_hooks": "tollbook.clients.crewai",
        "transformers.pipelines.base": "tollbook.clients.local",
        "sentence_transformers.sentence_transformer.model": "tollbook.clients.local",
        "sentence_transformers.SentenceTransformer": "tollbook.clients.local",  # before version 6
        "litellm.llms.custom_httpx.http_handler": "tollbook.clients.litellm",
    }
)
METERED: Final = "__tollbook_metered__"  # set on a module of a library that was patched


def install(process: Process) -> None:
    """Meter the libraries of `CLIENTS` that are imported, and the others when they will be."""
    if not any(isinstance(finder, ImportWatch) for finder in sys.meta_path):
        sys.meta_path.insert(0, ImportWatch(process))
    for name in CLIENTS:
        if name in sys.modules:
            # Another thread may be in the middle of importing it: this waits for that.
            meter_module(name, importlib.import_module(name), process)


def meter_module(name: str, module: ModuleType, process: Process) -> None:
    """Patch a library's module with our file for it, once. Never raises.

    The name is given, as CrewAI's modules do not keep theirs.
    """
    try:
        if not module.__dict__.get(METERED):
            setattr(module, METERED, True)
            importlib.import_module(CLIENTS[name]).patch(module, process)
    except Exception:
        process.losses.count(FAULT)


class ImportWatch:
    """A finder that finds nothing itself, and adds one step to the import of a client library."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> "ModuleSpec | None":
        """Return the other finders' spec of a library's module, with the step; else None."""
        if fullname not in CLIENTS:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._add_step(spec)
                return spec
        return None

    def _add_step(self, spec: "ModuleSpec") -> None:
        try:
            loader = spec.loader
            if loader is not None:
                # On the instance, so that the loader keeps its type for whoever looks at it.
                vars(loader)["exec_module"] = _and_then_meter(loader, spec.name, self._process)
        except Exception:
            self._process.losses.count(FAULT)


def _and_then_meter(loader: "Loader", name: str, process: Process) -> Callable[[ModuleType], None]:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        # One loader may serve many modules, as that of a zip file does.
        if module.__name__ == name:
            vars(loader).pop("exec_module", None)
            meter_module(name, module, process)

    return exec_module
