"""Writes the SDK's copy of the price book: `make rates` puts it into the agent's package.

The SDK has no dependency for prices; it carries the rates of the providers that it meters, as
the same cards that the collector uses. A test holds both equal.
"""

import json
import sys
from itertools import groupby
from typing import Any, Final

from tollbook_collector.money.rate import END, Book, Rate
from tollbook_collector.money.seed import read_book

# The providers that the SDK meters and that do not say themselves what they charge.
PROVIDERS: Final = (
    "anthropic",
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "cohere",
    "deepseek",
    "gcp.gemini",
    "gcp.vertex_ai",
    "groq",
    "mistral_ai",
    "moonshot_ai",
    "openai",
    "perplexity",
    "together_ai",
    "x_ai",
)
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


def agent_book(book: Book) -> list[dict[str, Any]]:
    """Return the part of `book` that the SDK carries, a dict of JSON values for each line.

    Patterns keep their order, and a model begins with its provider, by which its line is found.
    """
    cards: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for price_id, rates in groupby(book.rates, key=lambda rate: rate.price_id):
        group = list(rates)
        key = (group[0].provider, group[0].model, group[0].variant)
        cards.setdefault(key, []).append(_card(price_id, group))
    return [
        {"source": book.source},
        *(
            {
                "provider": rule.provider,
                "model": rule.model,
                "match": rule.pattern,
                "cards": cards.get((rule.provider, rule.model, ""), []),
                **_variants(book, cards, rule.provider, rule.model),
            }
            for rule in book.patterns
            if rule.provider in PROVIDERS
        ),
    ]


def _variants(
    book: Book, cards: dict[tuple[str, str, str], list[dict[str, Any]]], provider: str, model: str
) -> dict[str, Any]:
    """Return what a model has beside its cards, if anything: cards of regions and of hours."""
    variants = {key[2]: value for key, value in cards.items() if key[:2] == (provider, model)}
    variants.pop("", None)
    windows = [
        [window.variant, list(window.weekdays), window.start_minute, window.end_minute]
        for window in book.windows
        if (window.provider, window.model) == (provider, model)
    ]
    return {
        **({"variants": variants} if variants else {}),
        **({"windows": windows} if windows else {}),
    }


def _card(price_id: str, rates: list[Rate]) -> dict[str, Any]:
    first = rates[0]
    return {
        "price_id": price_id,
        "service_tier": first.service_tier,
        "context_over": first.context_over,
        "valid_from": first.valid_from.strftime(TIME_FORMAT),
        "valid_to": None if first.valid_to == END else first.valid_to.strftime(TIME_FORMAT),
        "rates": {rate.meter: format(rate.rate_usd.normalize(), "f") for rate in rates},
    }


def main() -> None:
    """Print the SDK's price book as lines of JSON: where it is from, and each model."""
    for line in agent_book(read_book()):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
