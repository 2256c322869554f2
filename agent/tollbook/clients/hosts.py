"""Which provider answers at a host: names of the GenAI conventions."""

import re
from types import MappingProxyType
from typing import Final

HOSTS: Final = MappingProxyType(
    {
        "api.openai.com": "openai",
        "eu.api.openai.com": "openai",
        "us.api.openai.com": "openai",
        "api.anthropic.com": "anthropic",
        "generativelanguage.googleapis.com": "gcp.gemini",
        "api.x.ai": "x_ai",
        "api.groq.com": "groq",
        "api.mistral.ai": "mistral_ai",
        "api.deepseek.com": "deepseek",
        "api.perplexity.ai": "perplexity",
        "api.moonshot.ai": "moonshot_ai",
        "api.moonshot.cn": "moonshot_ai",
        "api.cohere.com": "cohere",
        "api.cohere.ai": "cohere",
        "openrouter.ai": "openrouter",
        "api.together.xyz": "together_ai",
        "api.together.ai": "together_ai",
        "api.deepinfra.com": "deepinfra",
        "api.novita.ai": "novita",
        "api.sambanova.ai": "sambanova",
        "api.hyperbolic.xyz": "hyperbolic",
        "api.studio.nebius.com": "nebius",
        "api.tokenfactory.nebius.com": "nebius",
        "api.minimax.io": "minimax",
        "api.z.ai": "zai",
        "dashscope.aliyuncs.com": "alibaba",
        "dashscope-intl.aliyuncs.com": "alibaba",
        "models.github.ai": "github",
        "ai-gateway.vercel.sh": "vercel",
        "api.fireworks.ai": "fireworks_ai",
        "api.cerebras.ai": "cerebras",
        "integrate.api.nvidia.com": "nvidia",
        "router.huggingface.co": "huggingface",
        "ollama.com": "ollama",
    }
)
HOST_PATTERNS: Final = (
    (re.compile(r"\.(openai\.azure|cognitiveservices\.azure)\.com$"), "azure.ai.openai"),
    (re.compile(r"\.(services|inference)\.ai\.azure\.com$"), "azure.ai.inference"),
    (re.compile(r"aiplatform\.googleapis\.com$"), "gcp.vertex_ai"),
    (re.compile(r"^bedrock.*\.amazonaws\.com(\.cn)?$"), "aws.bedrock"),
    (re.compile(r"^bedrock-mantle\..+\.api\.aws$"), "aws.bedrock"),
)
# Servers of models that people run themselves, by a word of the host name or by their own port.
SELF_HOSTED: Final = re.compile(r"(?:^|[-.])(vllm|ollama|nim|sglang)(?=[-.0-9]|$)")
SELF_HOSTED_PORTS: Final = MappingProxyType({11434: "ollama"})


REGIONS: Final = (
    re.compile(r"^(us|eu)\.api\.openai\.com$"),
    re.compile(r"^bedrock[^.]*\.([a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)"),
    re.compile(r"^([a-z0-9-]+)-aiplatform\.googleapis\.com$"),
    re.compile(r"^([a-z0-9]+)\.api\.cognitive\.microsoft\.com$"),
)


def region_of_host(host: str) -> str | None:
    """Return the region that a host names, None where it names none."""
    name = host.lower().rstrip(".")
    return next((found[1] for pattern in REGIONS if (found := pattern.search(name))), None)


def provider_at(host: str, otherwise: str, port: int | None = None) -> str:
    """Return the provider that answers at `host`, or `otherwise` where the host is unknown.

    Args:
        host: Host name without a port, any case.
        otherwise: The provider whose interface the host speaks.
        port: Port, if known.
    """
    name = host.lower().rstrip(".")
    if known := HOSTS.get(name):
        return known
    for pattern, provider in HOST_PATTERNS:
        if pattern.search(name):
            return provider
    if found := SELF_HOSTED.search(name):
        return found.group(1)
    return SELF_HOSTED_PORTS.get(port, otherwise) if port is not None else otherwise
