"""Prices of 200 models by tollbook, by genai-prices' own calculation and by litellm's price list.

    python benchmarks/prices.py --litellm PATH/model_prices_and_context_window_backup.json [--all]

litellm's list is a file in its wheel: `pip download --no-deps litellm` and unpack it, or name the
one of an installed litellm; without it two are compared. Nothing is fetched. Each difference has a
class: a rule (computed here and found to be the reason) or the sources that say different things.
The exit status is 1 if any is left unexplained.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from genai_prices import Usage, calc_price

from tollbook_collector.money.cost import Asked, cost, find
from tollbook_collector.money.rate import Book
from tollbook_collector.money.seed import CANONICAL_PROVIDERS, read_book, read_library

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
INPUT, READ, OUTPUT = 10_000, 6_000, 2_000
MODELS_MAX = 200
CENT = Decimal("1e-12")
# The provider as tollbook and as litellm name it, and what litellm's keys begin with.
PROVIDERS = (
    ("openai", "openai", ""),
    ("anthropic", "anthropic", ""),
    ("gcp.gemini", "gemini", "gemini/"),
    ("aws.bedrock", "bedrock_converse", ""),
    ("aws.bedrock", "bedrock", ""),
    ("azure.ai.openai", "azure", "azure/"),
    ("x_ai", "xai", "xai/"),
    ("mistral_ai", "mistral", "mistral/"),
    ("deepseek", "deepseek", "deepseek/"),
    ("groq", "groq", "groq/"),
    ("cohere", "cohere_chat", ""),
    ("perplexity", "perplexity", "perplexity/"),
    ("together_ai", "together_ai", "together_ai/"),
    ("fireworks_ai", "fireworks_ai", "fireworks_ai/accounts/fireworks/models/"),
    ("openrouter", "openrouter", "openrouter/"),
)


@dataclass(frozen=True)
class Compared:
    """A model's price of one call in USD by each, and why they differ."""

    provider: str
    model: str
    ours: Decimal | None
    genai: Decimal | None
    litellm: Decimal | None
    kind: str
    text: str


def by_genai(provider: str, model: str, times: int = 1) -> Decimal | None:
    """Return what genai-prices makes of the call; without its tokens, `times` is 0."""
    ids = {name: key for key, names in CANONICAL_PROVIDERS.items() for name in names}
    usage = Usage(
        input_tokens=times * INPUT, cache_read_tokens=times * READ, output_tokens=times * OUTPUT
    )
    try:
        return calc_price(
            usage, model, provider_id=ids.get(provider, provider), genai_request_timestamp=AT
        ).total_price
    except (LookupError, ValueError):
        return None


def by_litellm(entry: dict[str, Any], read: bool = True) -> Decimal | None:
    """Return what the rates of litellm make of the call; a class without a rate costs as input."""
    rate = {name: Decimal(repr(value)) for name, value in entry.items() if _is_rate(name, value)}
    if "input_cost_per_token" not in rate:
        return None
    whole = rate["input_cost_per_token"]
    cached = rate.get("cache_read_input_token_cost", whole) if read else whole
    output = rate.get("output_cost_per_token", Decimal(0))
    return (INPUT - READ) * whole + READ * cached + OUTPUT * output


def _is_rate(name: str, value: Any) -> bool:
    return "cost" in name and isinstance(value, int | float) and not isinstance(value, bool)


def by_us(book: Book, provider: str, model: str, read: int = READ) -> Decimal | None:
    """Return what tollbook makes of the call."""
    usage = {"input": INPUT, "cache_read": read, "output": OUTPUT}
    return cost(book, Asked(provider, model, AT, usage)).cost_usd


def classified(
    book: Book, library: Book, provider: str, model: str, entry: dict[str, Any] | None
) -> Compared:
    """Compare one model, and say why its prices differ."""
    ours, genai = by_us(book, provider, model), by_genai(provider, model)
    litellm = by_litellm(entry) if entry else None
    reasons = [
        *_genai_reason(book, library, provider, model, ours, genai),
        *_litellm_reason(book, provider, model, ours, litellm, entry),
    ]
    kind = reasons[0][0] if reasons else "equal"
    if any(name == "unexplained" for name, _ in reasons):
        kind = "unexplained"
    text = "; ".join(text for _, text in reasons)
    return Compared(provider, model, ours, genai, litellm, kind, text)


def _genai_reason(
    book: Book,
    library: Book,
    provider: str,
    model: str,
    ours: Decimal | None,
    genai: Decimal | None,
) -> list[tuple[str, str]]:
    """Say why we and genai-prices differ, of whose data our book is made."""
    if ours == genai:
        return []
    if ours is not None and genai is not None and abs(ours - genai) <= CENT * (INPUT + OUTPUT):
        return [("rule: 12 decimals", "our rates have 12 decimals a token")]
    fee = by_genai(provider, model, times=0)
    if ours is not None and fee and ours + fee == genai:
        return [("rule: fee", f"genai-prices adds {fee} for a request; ours is the tokens' price")]
    name = find(book, provider, model)
    own = by_us(library, provider, model)
    if own != ours:
        card = cost(book, Asked(provider, model, AT, {"input": INPUT, "output": OUTPUT}))
        return [("source: our price file", f"ours from {card.source}")]
    if any((w.provider, w.model) == (provider, name) for w in book.windows):
        return [
            ("rule: hours", "its price depends on the hour, which genai-prices reads otherwise")
        ]
    if not name:
        return [("rule: fallback", "genai-prices takes another provider's price; ours is unknown")]
    if ours is None:
        return [("rule: unknown", "something it used has no rate in our book: NULL, not a guess")]
    return [("unexplained", f"ours {ours}, genai-prices {genai}")]


def _litellm_reason(
    book: Book,
    provider: str,
    model: str,
    ours: Decimal | None,
    litellm: Decimal | None,
    entry: dict[str, Any] | None,
) -> list[tuple[str, str]]:
    if entry is None or ours == litellm:
        return []
    if ours is None or litellm is None:
        return [("rule: unknown", "one of the two has no price for its tokens")]
    if abs(ours - litellm) <= CENT * (INPUT + OUTPUT):
        return [("rule: 12 decimals", "our rates have 12 decimals a token")]
    if "off_peak_pricing" in entry and by_litellm({**entry, **entry["off_peak_pricing"]}) == ours:
        return [("rule: hours", "litellm lists the peak price; at noon ours is its off-peak price")]
    without = by_us(book, provider, model, read=0)
    if "cache_read_input_token_cost" not in entry and without == litellm:
        return [("rule: cache", "litellm has no price of cache reads; without them both agree")]
    if by_litellm(entry, read=False) == ours:
        return [("rule: cache", "our book has no price of cache reads; without them both agree")]
    card = cost(book, Asked(provider, model, AT, {"input": INPUT, "output": OUTPUT}))
    ratio = litellm / ours if ours else None
    times = "" if ratio is None else f", {ratio:.3g} times ours"
    where = entry.get("source", "no source given")
    return [("source: litellm", f"ours from {card.source}; litellm from {where}{times}")]


def chosen(book: Book, prices: dict[str, Any]) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Return up to 200 models that both know, each provider in its turn."""
    queues = []
    for provider, theirs, prefix in PROVIDERS:
        names = [
            key.removeprefix(prefix)
            for key, entry in sorted(prices.items(), reverse=True)
            if entry.get("litellm_provider") == theirs
            and key.startswith(prefix)
            and entry.get("mode") in ("chat", "completion", "responses")
            and find(book, provider, key.removeprefix(prefix))
        ]
        queues.append([(provider, name, prices[prefix + name]) for name in names])
    found: list[tuple[str, str, dict[str, Any] | None]] = []
    while len(found) < MODELS_MAX and any(queues):
        for queue in queues:
            if queue and len(found) < MODELS_MAX:
                found.append(queue.pop(0))
    return found


def without_litellm(book: Book) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Return models of our book alone, the last by name of each provider first."""
    names = sorted({(rate.provider, rate.model) for rate in book.rates}, reverse=True)
    wanted = {provider for provider, _, _ in PROVIDERS}
    return [(p, m, None) for p, m in names if p in wanted][:MODELS_MAX]


def main() -> int:
    """Print the table, and return 1 if a difference is unexplained."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--litellm", type=Path, help="its model_prices_and_context_window… file")
    parser.add_argument("--all", action="store_true", help="also the models that agree")
    given = parser.parse_args()
    book, library = read_book(), read_library()
    if given.litellm:
        models = chosen(book, json.loads(given.litellm.read_text()))
    else:
        print("without --litellm: tollbook and genai-prices alone; how to get it: --help")
        models = without_litellm(book)
    rows = [classified(book, library, *model) for model in models]
    print(f"USD for {INPUT:,} tokens in, {READ:,} of them from a cache, and {OUTPUT:,} out, {AT}")
    print("| provider | model | tollbook | genai-prices | litellm | class | why |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        if given.all or row.kind != "equal":
            sums = " | ".join(
                "—" if v is None else f"{v:.9f}" for v in (row.ours, row.genai, row.litellm)
            )
            print(f"| {row.provider} | {row.model} | {sums} | {row.kind} | {row.text} |")
    counts = Counter(row.kind for row in rows)
    print(f"\n{len(rows)} models: " + ", ".join(f"{n} {kind}" for kind, n in counts.most_common()))
    return 1 if counts["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
