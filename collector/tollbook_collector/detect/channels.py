"""The channels: what of a series is watched, against what, and in which direction.

A volume is held against its own season; a ratio is a numerator against its denominator times the
share that is usual at that time. Cost goes wrong in ways that spend alone hides: a model swap moves
the price of a token and a lost cache the share of cached tokens long before either leaves the range
of a series whose spend doubles every Monday.
"""

from dataclasses import dataclass

# The order of the columns of every array of rows in this room.
COLUMNS = (
    "spend",  # dollars billed
    "requests",
    "tokens_input",  # cached ones included
    "tokens_output",
    "tokens_cached",
    "errors",
    "list_cost",  # dollars that the tokens cost by the price list
)
SPEND, REQUESTS, TOKENS_INPUT, TOKENS_OUTPUT, TOKENS_CACHED, ERRORS, LIST_COST = range(len(COLUMNS))
# The first columns are also held against their own season.
VOLUME_COLUMNS = 2


@dataclass(frozen=True)
class Channel:
    """One thing that is watched.

    Attributes:
        name: The word under which an incident names it.
        numerator: Index into `COLUMNS`.
        denominator: Index into `COLUMNS`; None for a volume.
        direction: +1 where more is bad, -1 where less is.
        change_min: The relative change below which nothing is news, a share (0.08 is 8 %).
        counted: The numerator is a count, so its smallest step is one.
        absolute: Judged by its size and not by its odds: a series that bursts has no odds worth the
            name, but twice its largest burst is still news.
    """

    name: str
    numerator: int
    denominator: int | None
    direction: int
    change_min: float
    counted: bool = False
    absolute: bool = False


CHANNELS = (
    Channel("requests", REQUESTS, None, +1, 0.20, counted=True),
    Channel("requests_missing", REQUESTS, None, -1, 0.20, counted=True),
    Channel("requests_count", REQUESTS, None, +1, 0.20, counted=True, absolute=True),
    Channel("spend", SPEND, None, +1, 0.20),
    Channel("spend_dollars", SPEND, None, +1, 0.20, absolute=True),
    Channel("spend_per_request", SPEND, REQUESTS, +1, 0.08),
    Channel("input_per_request", TOKENS_INPUT, REQUESTS, +1, 0.08),
    Channel("input_per_output", TOKENS_INPUT, TOKENS_OUTPUT, +1, 0.08),
    Channel("price", SPEND, LIST_COST, +1, 0.05),
    Channel("cache_share", TOKENS_CACHED, TOKENS_INPUT, -1, 0.10),
    Channel("error_share", ERRORS, REQUESTS, +1, 0.30, counted=True),
)
VOLUMES = tuple(k for k, channel in enumerate(CHANNELS) if channel.denominator is None)
RATIOS = tuple(k for k, channel in enumerate(CHANNELS) if channel.denominator is not None)
NUMERATORS = tuple(channel.numerator for channel in CHANNELS)
# The channels that are looked at a second time, for what comes back at the same time of day.
RECURRING = (0, 3)
# Their counterparts that are judged by size, in the same order.
BURSTING = (2, 4)
# The channel whose expectation says how many calls a silence has swallowed.
MISSING = 1
# The channel that is shown where input grew.
GROWING = 6
# Where their recurrence is in SCORED.
RETURNING = tuple(range(len(CHANNELS), len(CHANNELS) + len(RECURRING)))
# Everything that has a score, in order: the channels, what recurs, silence by the calls that it
# swallowed and by its length, and what a call reads by how unlike its days are to earlier ones.
SCORED = (
    *(channel.name for channel in CHANNELS),
    *(f"{CHANNELS[k].name}_again" for k in RECURRING),
    "gap",
    "silence",
    "input_growth",
)
