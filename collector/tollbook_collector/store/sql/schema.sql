-- What the database is, as the engine prints it. Generated: make schema.

CREATE MATERIALIZED VIEW account_log_calls TO accounts
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `signal` String,
    `hour` DateTime('UTC'),
    `fate` String,
    `items` Int64
)
AS SELECT
    tenant,
    key,
    'traces' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    'from_logs' AS fate,
    toInt64(count()) AS items
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        multiIf(('claude_code.api_request' IN (record.event_name, map['event.name'], record.body.string_value)), 'claude_code.api_request', ('api_request' IN (record.event_name, map['event.name'])) AND (position(scope_name, 'claude_code') > 0), 'claude_code.api_request', ('gemini_cli.api_response' IN (record.event_name, map['event.name'], record.body.string_value)), 'gemini_cli.api_response', ('codex.sse_event' IN (record.event_name, map['event.name'], record.body.string_value)) AND (if(mapContains(map, 'input_token_count'), map['event.kind'], '') = 'response.completed'), 'codex.sse_event', '') AS call_name
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            scope_logs.scope.name AS scope_name,
            arrayJoin(scope_logs.log_records) AS record,
            CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), record.attributes), 'Map(LowCardinality(String), String)') AS map
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                arrayJoin(tupleElement(arrayJoin(logs.resource_logs), 'scope_logs')) AS scope_logs
            FROM landing_logs
        )
    )
)
WHERE call_name != ''
GROUP BY
    tenant,
    key,
    hour;

CREATE MATERIALIZED VIEW account_logs TO accounts
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `signal` String,
    `hour` DateTime('UTC'),
    `fate` String,
    `items` Int64
)
AS SELECT
    tenant,
    key,
    'logs' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    account.1 AS fate,
    sum(account.2) AS items
FROM landing_logs
ARRAY JOIN arrayConcat([('accepted', toInt64(spans))], rejected) AS account
WHERE tenant != ''
GROUP BY
    tenant,
    key,
    hour,
    fate;

CREATE MATERIALIZED VIEW account_metrics TO accounts
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `signal` String,
    `hour` DateTime('UTC'),
    `fate` String,
    `items` Int64
)
AS SELECT
    tenant,
    key,
    'metrics' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    account.1 AS fate,
    sum(account.2) AS items
FROM landing_metrics
ARRAY JOIN arrayConcat([('accepted', toInt64(spans))], rejected) AS account
WHERE tenant != ''
GROUP BY
    tenant,
    key,
    hour,
    fate;

CREATE MATERIALIZED VIEW account_traces TO accounts
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `signal` String,
    `hour` DateTime('UTC'),
    `fate` String,
    `items` Int64
)
AS SELECT
    tenant,
    key,
    'traces' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    account.1 AS fate,
    sum(account.2) AS items
FROM landing
ARRAY JOIN arrayConcat([('accepted', toInt64(spans))], rejected) AS account
WHERE tenant != ''
GROUP BY
    tenant,
    key,
    hour,
    fate;

CREATE TABLE accounts
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String) COMMENT 'Public id of the key they came with',
    `signal` LowCardinality(String) COMMENT 'traces, logs or metrics',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which they arrived',
    `fate` LowCardinality(String) COMMENT 'accepted, or the reason for which they were rejected or set aside',
    `items` Int64 COMMENT 'Spans, log records or data points'
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, key, signal, hour, fate)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE TABLE adjustments
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `made_at` DateTime64(6, 'UTC') COMMENT 'When it was made; the same for all rows of one change',
    `kind` LowCardinality(String) COMMENT 'rerate: priced anew; late: moved from a closed month to the next open one; copy: what was priced anew turned out to be a copy',
    `period` Date COMMENT 'First day of the month in which it is charged',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which the call started: the usage date',
    `call_key` UInt64 COMMENT 'tollbook_copy_key of the call; 0: of all calls of the hour and dimensions together',
    `trace_id` FixedString(16) COMMENT 'Of the call; zero bytes: of more than one' CODEC(ZSTD(1)),
    `span_id` FixedString(8) COMMENT 'Of the call; zero bytes: of more than one',
    `key` LowCardinality(String) COMMENT 'Public id of the key the call came with',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book named it when the call was recorded',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served',
    `user_id` String COMMENT 'user.id' CODEC(ZSTD(1)),
    `conversation_id` String COMMENT 'gen_ai.conversation.id' CODEC(ZSTD(1)),
    `run` String COMMENT 'tollbook.run.id' CODEC(ZSTD(1)),
    `agent` LowCardinality(String) COMMENT 'gen_ai.agent.name',
    `tags` Map(LowCardinality(String), String) COMMENT 'All tags' CODEC(ZSTD(1)),
    `calls` Int64 COMMENT 'Calls that are moved with it; 0: none, only their cost changes',
    `old_usd` Nullable(Decimal(38, 12)) COMMENT 'Charge of the call before; NULL: its cost was unknown, or it is of more than one',
    `new_usd` Nullable(Decimal(38, 12)) COMMENT 'Charge of the call from now on; NULL: it is of more than one',
    `amount_usd` Decimal(38, 12) COMMENT 'What is added to the charges of the period; negative: taken off',
    `old_price_id` LowCardinality(String) COMMENT 'Rate card it was recorded with',
    `new_price_id` LowCardinality(String) COMMENT 'Rate card it is priced with now',
    `book_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Version of the price book that it is priced with now; NULL: no price is the cause',
    `author` LowCardinality(String) COMMENT 'Who made it',
    `reason` LowCardinality(String) COMMENT 'Why'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(made_at)
ORDER BY (tenant, period, hour, call_key)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE alarm_shifts
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `built_on` Date COMMENT 'The day before which the weeks lie',
    `shift` Float64 COMMENT 'Decades of rarity that are added to the strength at which alarms open; negative: told sooner',
    `series` UInt32 COMMENT 'Series that were replayed',
    `series_weeks` Float64 COMMENT 'Weeks of all of them together that were judged',
    `alarms` UInt32 COMMENT 'Alarms that the replay raised at the lowest strength'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, built_on)
TTL built_on + toIntervalDay(90)
SETTINGS index_granularity = 8192;

CREATE TABLE alert_attempts
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `message` String COMMENT 'Id of the message',
    `webhook` LowCardinality(String) COMMENT 'Webhook of tollbook.toml that it went to',
    `attempt` UInt16 COMMENT 'Which try, from 1 on',
    `at` DateTime64(3, 'UTC') COMMENT 'When it was made, UTC',
    `took_ms` UInt32 COMMENT 'How long it took, milliseconds',
    `status` UInt16 COMMENT 'Status of the answer; 0: there was none',
    `outcome` LowCardinality(String) COMMENT 'delivered, failed, or refused: it was not sent, because it may not go there',
    `error` String COMMENT 'Why it was not delivered; empty: it was'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, message, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE alert_versions
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `message` String COMMENT 'Id of the message, webhook-id when it is sent: the same for each try',
    `incident` String COMMENT 'Incident that it is about; empty: several, or a test',
    `sequence` UInt32 COMMENT 'Which thing that happened to it is told',
    `type` LowCardinality(String) COMMENT 'incident.opened, budget.exceeded, retrain.suggested, digest, test, …',
    `severity` LowCardinality(String) COMMENT 'info, warning or critical',
    `title` String COMMENT 'One line',
    `route` LowCardinality(String) COMMENT 'Route of tollbook.toml that sends it; empty: none does',
    `webhook` LowCardinality(String) COMMENT 'Webhook of tollbook.toml that it goes to; empty: none',
    `content` String COMMENT 'What is told: type, timestamp and data as JSON' CODEC(ZSTD(1)),
    `state` LowCardinality(String) COMMENT 'waiting, delivered, dead, muted, or grouped into another',
    `reason` String COMMENT 'Why it is muted or dead, or the message that it was grouped into',
    `attempts` UInt16 COMMENT 'Tries so far',
    `next_at` DateTime64(3, 'UTC') COMMENT 'When it is tried next, while it waits, UTC',
    `created_at` DateTime64(3, 'UTC') COMMENT 'When it was written down, UTC',
    `version` UInt64 COMMENT 'Of states of one message the one with the highest counts; nanoseconds since 1970'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(created_at)
ORDER BY (tenant, message)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW alerts
(
    `tenant` LowCardinality(String),
    `message` String,
    `incident` String,
    `sequence` UInt32,
    `type` LowCardinality(String),
    `severity` LowCardinality(String),
    `title` String,
    `route` LowCardinality(String),
    `webhook` LowCardinality(String),
    `content` String,
    `state` LowCardinality(String),
    `reason` String,
    `attempts` UInt16,
    `next_at` DateTime64(3, 'UTC'),
    `created_at` DateTime64(3, 'UTC')
)
AS SELECT
    tenant,
    message,
    incident,
    sequence,
    type,
    severity,
    title,
    route,
    webhook,
    content,
    state,
    reason,
    attempts,
    next_at,
    created_at
FROM alert_versions
FINAL;

CREATE VIEW anomalies
(
    `tenant` LowCardinality(String),
    `id` String,
    `series` Map(LowCardinality(String), String),
    `tier` LowCardinality(String),
    `channel` LowCardinality(String),
    `started_at` DateTime('UTC'),
    `detected_at` DateTime('UTC'),
    `updated_at` DateTime('UTC'),
    `ended_at` Nullable(DateTime('UTC')),
    `score` Float64,
    `so_far_usd` Nullable(Decimal(38, 12)),
    `projected_usd` Nullable(Decimal(38, 12)),
    `explanation` String,
    `evidence` String
)
AS SELECT
    tenant,
    id,
    series,
    tier,
    channel,
    started_at,
    detected_at,
    updated_at,
    ended_at,
    score,
    so_far_usd,
    projected_usd,
    explanation,
    evidence
FROM anomaly_versions
FINAL;

CREATE TABLE anomaly_feedback
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `anomaly_id` String COMMENT 'Of the anomaly',
    `verdict` LowCardinality(String) COMMENT 'expected: this is usual from now on; planned: it was meant, once; real: it was a fault',
    `author` String COMMENT 'Who said so; empty: unknown',
    `note` String COMMENT 'Why',
    `given_at` DateTime64(9, 'UTC') COMMENT 'When'
)
ENGINE = ReplacingMergeTree(given_at)
ORDER BY (tenant, anomaly_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE anomaly_versions
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `id` String COMMENT 'Made of tenant, series, tier, channel and start: the same after a crash or a replay',
    `series` Map(LowCardinality(String), String) COMMENT 'Dimensions and their values; empty: all of the tenant',
    `tier` LowCardinality(String) COMMENT 'What it was found in: minute, hour, day, run or drift',
    `channel` LowCardinality(String) COMMENT 'What went wrong: spend, requests, price, cache_share, error_share, gap, first_seen, …',
    `started_at` DateTime('UTC') COMMENT 'Start of the first row that it was found in',
    `detected_at` DateTime('UTC') COMMENT 'When the row that showed it was complete, by the clock of the data',
    `updated_at` DateTime('UTC') COMMENT 'Start of the newest row that this report knows of',
    `ended_at` Nullable(DateTime('UTC')) COMMENT 'When it was over; NULL: it goes on',
    `score` Float64 COMMENT 'Decades of rarity: 3 opens an anomaly',
    `so_far_usd` Nullable(Decimal(38, 12)) COMMENT 'Spend beyond what was expected, from the start; NULL: unknown',
    `projected_usd` Nullable(Decimal(38, 12)) COMMENT 'The same at the end of the calendar month (UTC) if it goes on; NULL: unknown',
    `explanation` String COMMENT 'What happened, in one sentence' CODEC(ZSTD(1)),
    `evidence` String COMMENT 'What it rests on: decomposition, ranked dimensions, first calls; JSON' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'Of reports with one id the one with the highest counts; nanoseconds since 1970'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(started_at)
ORDER BY (tenant, started_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE audit
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it was about; empty: nobody was let in',
    `at` DateTime64(3, 'UTC') COMMENT 'When it was first made, UTC',
    `actor` String COMMENT 'Public id of the key, or oidc: and the name of a person; open: no keys are configured',
    `name` String COMMENT 'Of the key or the person, for people',
    `role` LowCardinality(String) COMMENT 'viewer, analyst or admin',
    `address` String COMMENT 'Where it came from',
    `method` LowCardinality(String) COMMENT 'Of HTTP; GET and HEAD see, the others change or ask in SQL',
    `path` String COMMENT 'What was asked for',
    `detail` String COMMENT 'The SQL that was asked, else the parameters in the address; at most 4000 characters' CODEC(ZSTD(1)),
    `status` UInt16 COMMENT 'Of HTTP: below 400 it was answered',
    `times` UInt32 COMMENT 'How often, within seconds'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, at)
TTL toDateTime(at) + toIntervalDay(400)
SETTINGS index_granularity = 8192;

CREATE TABLE behaviour_hourly
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `calls` SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once',
    `latencies` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Successful calls by bin of their duration in milliseconds',
    `first_chunks` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Streamed calls by bin of the milliseconds to their first chunk',
    `inputs` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Calls by bin of their input tokens',
    `outputs` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)) COMMENT 'Calls by bin of their output tokens',
    `finish_reasons` SimpleAggregateFunction(sumMap, Map(String, Int64)) COMMENT 'Answers by the reason why they ended',
    `response_models` SimpleAggregateFunction(sumMap, Map(String, Int64)) COMMENT 'Calls by the model that answered',
    `tools` SimpleAggregateFunction(sumMap, Map(String, Int64)) COMMENT 'Executions of tools by name'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, service, environment, model, team, feature)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE TABLE bill_lines
(
    `tenant` LowCardinality(String) COMMENT 'Whose bill it is',
    `bill` String COMMENT 'SHA-256 of the files that were read together, in hexadecimal',
    `line` UInt64 COMMENT 'Number of the line, from 0',
    `form` LowCardinality(String) COMMENT 'Form of the file: OpenAI costs, FOCUS, …',
    `day` Date COMMENT 'UTC',
    `provider` LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    `model` LowCardinality(String) COMMENT 'As the provider names it',
    `service_tier` LowCardinality(String) COMMENT 'standard, batch, flex, priority, …',
    `class` LowCardinality(String) COMMENT 'Class of tokens, as of token_charges; total: all of them; other: no tokens',
    `quantity` Nullable(Decimal(38, 12)) COMMENT 'Tokens; NULL: the report has none',
    `amount_usd` Nullable(Decimal(38, 12)) COMMENT 'Cost; NULL: the report has none',
    `read_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was read'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, bill, line)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW books
(
    `tenant` LowCardinality(String) COMMENT 'Whose items they are',
    `key` LowCardinality(String) COMMENT 'Public id of the key they came with',
    `signal` String COMMENT 'traces, logs or metrics',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which they arrived',
    `received` Int64 COMMENT 'Items: spans, log records or data points',
    `stored` Int64 COMMENT 'Of the received, those that are rows now',
    `rejected` Int64 COMMENT 'Of the received, those that the door did not let in',
    `dropped` Int64 COMMENT 'Of the received, those that were let in and are in quarantine, damaged, given up for their age, or erased',
    `imbalance` Int64 COMMENT 'received - stored - rejected - dropped: above 0 items are missing, below 0 there are too many',
    `client_dropped` Int64 COMMENT 'Spans that the SDK lost before it could send them; never received',
    `fates` Map(String, Int64) COMMENT 'Items by what became of them, with the reasons'
)
AS SELECT
    tenant,
    key,
    signal,
    hour,
    (accepted + rejected) + dropped AS received,
    stored,
    rejected,
    dropped,
    accepted - stored AS imbalance,
    client_dropped,
    fates
FROM
(
    SELECT
        tenant,
        key,
        signal,
        hour,
        sum(if(fate = 'accepted', items, 0)) AS accepted,
        sum(if((fate NOT IN ('accepted', 'stored', 'from_logs', 'quarantined', 'damaged', 'spool_age', 'erased')) AND (NOT startsWith(fate, 'client:')), items, 0)) AS rejected,
        sum(if((fate IN ('quarantined', 'damaged', 'spool_age', 'erased')), items, 0)) AS dropped,
        sum(multiIf(fate = 'stored', items, fate = 'from_logs', -items, 0)) AS stored,
        sum(if((fate IN ('client:queue_full', 'client:backlog_full', 'client:rejected', 'client:unreadable')), items, 0)) AS client_dropped,
        sumMap(map(fate, items)) AS fates
    FROM
    (
        SELECT
            tenant,
            key,
            signal,
            hour,
            fate,
            items
        FROM accounts
        UNION ALL
        SELECT
            tenant,
            key,
            'traces' AS signal,
            toStartOfHour(reported_at) AS hour,
            concat('client:', loss.1) AS fate,
            toInt64(loss.2) AS items
        FROM client_reports
        FINAL
        ARRAY JOIN CAST(lost, 'Array(Tuple(String, UInt64))') AS loss
        UNION ALL
        SELECT
            tenant,
            key,
            'traces' AS signal,
            toStartOfHour(received_at) AS hour,
            'stored' AS fate,
            toInt64(count()) AS items
        FROM spans
        GROUP BY
            tenant,
            key,
            hour
        UNION ALL
        SELECT
            tenant,
            key,
            'logs' AS signal,
            toStartOfHour(received_at) AS hour,
            'stored' AS fate,
            toInt64(count()) AS items
        FROM log_records
        GROUP BY
            tenant,
            key,
            hour
        UNION ALL
        SELECT
            tenant,
            key,
            'metrics' AS signal,
            toStartOfHour(received_at) AS hour,
            'stored' AS fate,
            toInt64(count()) AS items
        FROM metric_points
        GROUP BY
            tenant,
            key,
            hour
    )
    GROUP BY
        tenant,
        key,
        signal,
        hour
);

CREATE TABLE budget_periods
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `budget` LowCardinality(String) COMMENT 'Name of the budget in tollbook.toml',
    `dimension` LowCardinality(String) COMMENT 'Dimension that has a budget for each value; empty: one for all',
    `value` String COMMENT 'Value of that dimension',
    `period_starts_at` DateTime('UTC') COMMENT 'Start of the period, UTC',
    `period_ends_at` DateTime('UTC') COMMENT 'End of the period, excluded, UTC',
    `period` LowCardinality(String) COMMENT 'day, week or month',
    `zone` LowCardinality(String) COMMENT 'IANA time zone of the calendar',
    `chosen` Map(LowCardinality(String), Array(String)) COMMENT 'Calls that count: values by dimension; empty: all calls',
    `hard` Bool COMMENT 'Whether SDKs are told to stop at the limit',
    `owner` String COMMENT 'Who answers for it',
    `limit_usd` Decimal(38, 12) COMMENT 'What may be spent in the period, USD',
    `spent_usd` Decimal(38, 12) COMMENT 'Cost of the priced calls of the period so far, USD',
    `remaining_usd` Decimal(38, 12) COMMENT 'Limit less spent, USD; negative: exceeded',
    `calls` UInt64 COMMENT 'Calls that count, so far',
    `unpriced_calls` UInt64 COMMENT 'Of them, those at an unknown cost: spent_usd lacks them',
    `crossed` Decimal(9, 4) COMMENT 'Highest threshold that is crossed, as a share of the limit; 0: none',
    `fast_burn` Float64 COMMENT 'Speed of spending in the short window over the speed that uses the limit up exactly',
    `slow_burn` Float64 COMMENT 'The same in the long window',
    `burning` LowCardinality(String) COMMENT 'fast or slow: at this speed the limit is used up before the period ends; empty: no',
    `forecast_usd` Nullable(Decimal(38, 12)) COMMENT 'Spend to be expected by the end of the period, USD; NULL: too little history',
    `forecast_low_usd` Nullable(Decimal(38, 12)) COMMENT 'Lower end of the 80 % interval of the forecast, USD',
    `forecast_high_usd` Nullable(Decimal(38, 12)) COMMENT 'Upper end of the 80 % interval of the forecast, USD',
    `forecast_error` Nullable(Float64) COMMENT 'Mean absolute error of the same forecast made in the past, as a share of what came; NULL: no back-test',
    `in_force` Bool COMMENT 'Whether tollbook.toml still has this budget',
    `measured_at` DateTime64(3, 'UTC') COMMENT 'When this was measured, UTC'
)
ENGINE = ReplacingMergeTree(measured_at)
PARTITION BY toYYYYMM(period_starts_at)
ORDER BY (tenant, budget, dimension, value, period_starts_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW budgets
(
    `tenant` LowCardinality(String),
    `budget` LowCardinality(String),
    `dimension` LowCardinality(String),
    `value` String,
    `period` LowCardinality(String),
    `zone` LowCardinality(String),
    `period_starts_at` DateTime('UTC'),
    `period_ends_at` DateTime('UTC'),
    `chosen` Map(LowCardinality(String), Array(String)),
    `hard` Bool,
    `owner` String,
    `limit_usd` Decimal(38, 12),
    `spent_usd` Decimal(38, 12),
    `remaining_usd` Decimal(38, 12),
    `calls` UInt64,
    `unpriced_calls` UInt64,
    `crossed` Decimal(9, 4),
    `fast_burn` Float64,
    `slow_burn` Float64,
    `burning` LowCardinality(String),
    `forecast_usd` Nullable(Decimal(38, 12)),
    `forecast_low_usd` Nullable(Decimal(38, 12)),
    `forecast_high_usd` Nullable(Decimal(38, 12)),
    `forecast_error` Nullable(Float64),
    `in_force` Bool,
    `measured_at` DateTime64(3, 'UTC')
)
AS SELECT
    tenant,
    budget,
    dimension,
    value,
    period,
    zone,
    period_starts_at,
    period_ends_at,
    chosen,
    hard,
    owner,
    limit_usd,
    spent_usd,
    remaining_usd,
    calls,
    unpriced_calls,
    crossed,
    fast_burn,
    slow_burn,
    burning,
    forecast_usd,
    forecast_low_usd,
    forecast_high_usd,
    forecast_error,
    in_force,
    measured_at
FROM budget_periods
FINAL;

CREATE VIEW call_signs
(
    `tenant` LowCardinality(String),
    `started_at` DateTime64(9, 'UTC'),
    `call` Tuple(
        Tuple(
            LowCardinality(UInt8),
            Bool,
            UInt8,
            UInt8,
            Int32,
            Int64,
            FixedString(8),
            FixedString(16),
            Int64),
        UInt64,
        Int64,
        UInt64,
        UInt64,
        String),
    `sign` String,
    `text` String,
    `sign_hash` UInt64,
    `is_sure` UInt8
)
AS SELECT
    tenant,
    started_at,
    call,
    pair.1 AS sign,
    pair.2 AS text,
    cityHash64(tenant, pair) AS sign_hash,
    is_sure
FROM
(
    SELECT
        tenant,
        started_at,
        (length(response_id) >= 20) AND (length(arrayDistinct(ngrams(response_id, 1))) >= 10) AS is_sure,
        tuple(tuple(price_status = 'unpriced', (NOT usage_complete) OR isNull(spans.input_tokens) OR isNull(spans.output_tokens), (kind = 2) OR (name = 'call_llm'), ((spans.cache_read_tokens + spans.cache_write_tokens) + spans.reasoning_tokens) = 0, -toInt32(length(tags)), toUnixTimestamp64Nano(started_at), span_id, trace_id, toUnixTimestamp64Nano(received_at)), cityHash64(tenant, trace_id, span_id, received_at), toUnixTimestamp64Nano(started_at) + toInt64(duration_ns), cityHash64(service, scope_name, kind, name = 'call_llm'), cityHash64(ifNull(toInt64(spans.input_tokens), -1), ifNull(toInt64(spans.output_tokens), -1)), response_id) AS call,
        arrayJoin(arrayFilter(each -> ((each.2) != ''), [('response', response_id), ('span', concat(trace_id, span_id)), ('trace', if((spans.input_tokens + spans.output_tokens) > 0, concat(trace_id, toString(assumeNotNull(spans.input_tokens)), ':', toString(assumeNotNull(spans.output_tokens))), ''))])) AS pair
    FROM spans
    WHERE is_call
);

CREATE VIEW calls
(
    `tenant` LowCardinality(String),
    `trace_id` String,
    `span_id` String,
    `parent_span_id` String,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `time_to_first_chunk_ns` Nullable(UInt64),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `operation` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `request_model` LowCardinality(String),
    `response_model` LowCardinality(String),
    `response_id` String,
    `service_tier` LowCardinality(String),
    `stream` Bool,
    `failed` UInt8,
    `error_type` LowCardinality(String),
    `finish_reasons` Array(LowCardinality(String)),
    `input_tokens` Nullable(UInt64),
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `cache_write_1h_tokens` UInt64,
    `input_audio_tokens` UInt64,
    `input_image_tokens` UInt64,
    `output_tokens` Nullable(UInt64),
    `reasoning_tokens` UInt64,
    `output_audio_tokens` UInt64,
    `output_image_tokens` UInt64,
    `units` Map(LowCardinality(String), UInt64),
    `usage_complete` Bool,
    `usage_fixups` Array(LowCardinality(String)),
    `billable` UInt8,
    `dedup_of` String,
    `cost_usd` Nullable(Decimal(38, 12)),
    `cost_basis` String,
    `price_id` String,
    `book_at` Nullable(DateTime64(3, 'UTC')),
    `price_status` String,
    `unpriced_reason` String,
    `reported_cost_usd` Nullable(Decimal(38, 12)),
    `reported_cost_source` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `conversation_id` String,
    `user_id` String,
    `run` String,
    `tags` Map(LowCardinality(String), String),
    `attributes` Map(LowCardinality(String), String),
    `received_at` DateTime64(9, 'UTC')
)
AS SELECT
    tenant,
    lower(hex(trace_id)) AS trace_id,
    lower(hex(span_id)) AS span_id,
    if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS parent_span_id,
    started_at,
    duration_ns,
    time_to_first_chunk_ns,
    service,
    environment,
    operation,
    provider,
    model,
    request_model,
    response_model,
    response_id,
    service_tier,
    stream,
    status_code = 2 AS failed,
    error_type,
    finish_reasons,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    cache_write_1h_tokens,
    input_audio_tokens,
    input_image_tokens,
    output_tokens,
    reasoning_tokens,
    output_audio_tokens,
    output_image_tokens,
    units,
    usage_complete,
    usage_fixups,
    NOT is_copy AS billable,
    if(is_copy, lower(hex(dictGet('original_of_copy', 'dedup_of', copy_key))), '') AS dedup_of,
    if(is_copy, NULL, spans.cost_usd) AS cost_usd,
    if(is_copy, '', spans.cost_basis) AS cost_basis,
    if(is_copy, '', spans.price_id) AS price_id,
    if(is_copy, NULL, spans.book_at) AS book_at,
    if(is_copy, 'not_billable', spans.price_status) AS price_status,
    if(is_copy, '', spans.unpriced_reason) AS unpriced_reason,
    reported_cost_usd,
    reported_cost_source,
    team,
    feature,
    customer,
    conversation_id,
    user_id,
    attributes['tollbook.run.id'] AS run,
    tags,
    attributes,
    received_at
FROM
(
    SELECT
        *,
        cityHash64(tenant, spans.trace_id, spans.span_id, received_at) AS copy_key,
        copy_key IN (
            SELECT copies.copy_key
            FROM copies
        ) AS is_copy
    FROM spans
    WHERE is_call
) AS spans;

CREATE VIEW charges
(
    `tenant` LowCardinality(String),
    `period` Date,
    `hour` DateTime('UTC'),
    `kind` String,
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `operation` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `calls` Int64,
    `cost_usd` Decimal(38, 12)
)
AS SELECT
    tenant,
    period,
    hour,
    kind,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    sum(parts.calls) AS calls,
    sum(parts.cost_usd) AS cost_usd
FROM
(
    SELECT
        tenant,
        toStartOfMonth(hour) AS period,
        hour,
        'spend' AS kind,
        service,
        environment,
        provider,
        model,
        operation,
        team,
        feature,
        customer,
        service_tier,
        spend_hourly.calls AS calls,
        spend_hourly.cost_usd AS cost_usd
    FROM spend_hourly
    UNION ALL
    SELECT
        tenant,
        period,
        hour,
        kind,
        service,
        environment,
        provider,
        model,
        operation,
        team,
        feature,
        customer,
        service_tier,
        adjustments.calls AS calls,
        amount_usd AS cost_usd
    FROM adjustments
) AS parts
GROUP BY
    tenant,
    period,
    hour,
    kind,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier;

CREATE TABLE client_reports
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String) COMMENT 'Public id of the key that it came with',
    `instance` String COMMENT 'service.instance.id of the process',
    `service` LowCardinality(String),
    `sequence` UInt64 COMMENT 'Of the report, from 1 in each process',
    `reported_at` DateTime64(9, 'UTC') COMMENT 'When the report arrived',
    `ended` UInt64 COMMENT 'Spans that ended in the process',
    `delivered` UInt64 COMMENT 'Spans that were acknowledged to it',
    `lost` Map(String, UInt64) COMMENT 'What it lost, by reason: queue_full, backlog_full, rejected and unreadable are whole spans'
)
ENGINE = ReplacingMergeTree(sequence)
ORDER BY (tenant, key, instance)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE closed_charges
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `period` Date COMMENT 'First day of the month',
    `closed_at` DateTime64(6, 'UTC') COMMENT 'The closing, as closed_months has it',
    `kind` LowCardinality(String) COMMENT 'spend, or the kind of adjustment',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served',
    `calls` Int64 COMMENT 'Calls charged',
    `cost_usd` Decimal(38, 12) COMMENT 'Charge'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(period)
ORDER BY (tenant, period, hour)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE closed_months
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `period` Date COMMENT 'First day of the month',
    `closed_at` DateTime64(6, 'UTC') COMMENT 'When it was closed',
    `author` String COMMENT 'Who closed it',
    `report` String COMMENT 'The report, as JSON' CODEC(ZSTD(3)),
    `sha256` String COMMENT 'Of the report, in hexadecimal'
)
ENGINE = MergeTree
ORDER BY (tenant, period)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW context_steps
(
    `name` String,
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `steps` Array(UInt64)
)
AS SELECT
    concat(provider, ':', model) AS name,
    provider,
    model,
    groupUniqArray(context_over) AS steps
FROM rates
WHERE (book_at = (
    SELECT max(book_at)
    FROM price_books
)) AND (context_over > 0)
GROUP BY
    provider,
    model;

CREATE DICTIONARY context_steps_by_model
(
    `name` String,
    `steps` Array(UInt64)
)
PRIMARY KEY name
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'context_steps'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(COMPLEX_KEY_HASHED());

CREATE TABLE copies
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `copy_key` UInt64 COMMENT 'tollbook_copy_key of the span',
    `original_key` UInt64 COMMENT 'tollbook_copy_key of the span that counts',
    `found_at` DateTime64(6, 'UTC') COMMENT 'When the copy was found; names the round that found it',
    `reason` LowCardinality(String) COMMENT 'response: the same response id; span: the same span twice; trace: the same usage within each other in one trace; original: what it was a copy of is one itself',
    `is_first` Bool COMMENT 'False: the row corrects dedup_of of an earlier one and takes nothing back',
    `trace_id` FixedString(16) COMMENT 'Of the copy' CODEC(ZSTD(1)),
    `span_id` FixedString(8) COMMENT 'Of the copy',
    `dedup_of` FixedString(8) COMMENT 'Span id of the copy that counts',
    `received_at` DateTime64(9, 'UTC') COMMENT 'When the collector had the copy on disk' CODEC(Delta(8), ZSTD(1)),
    `started_at` DateTime64(9, 'UTC') COMMENT 'When the copy started, UTC' CODEC(Delta(8), ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served',
    `failed` Bool COMMENT 'Whether it ended in an error',
    `unpriced` Bool COMMENT 'Whether it used tokens at a cost that is unknown',
    `input_tokens` Int64 COMMENT 'All input, cached and written to a cache included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `cache_write_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'All output, reasoning included',
    `reasoning_tokens` Int64 COMMENT 'Of the output',
    `duration_ns` Int64 COMMENT 'From start to end',
    `cost_usd` Decimal(38, 12) COMMENT 'What it would have cost, which was taken back; 0: its cost was unknown'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(started_at)
ORDER BY (tenant, copy_key, found_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE copy_candidates
(
    `search` String COMMENT 'Names the search',
    `searched_at` DateTime('UTC') COMMENT 'When it was',
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `copy_key` UInt64 COMMENT 'tollbook_copy_key of the span',
    `original_key` UInt64 COMMENT 'tollbook_copy_key of the span that counts',
    `reason` LowCardinality(String) COMMENT 'response: the same response id; span: the same span twice; trace: the same usage within each other in one trace; original: what it was a copy of is one itself',
    `trace_id` FixedString(16) COMMENT 'Of the copy' CODEC(ZSTD(1)),
    `span_id` FixedString(8) COMMENT 'Of the copy',
    `dedup_of` FixedString(8) COMMENT 'Span id of the copy that counts',
    `received_at` DateTime64(9, 'UTC') COMMENT 'When the collector had the copy on disk' CODEC(Delta(8), ZSTD(1)),
    `started_at` DateTime64(9, 'UTC') COMMENT 'When the copy started, UTC' CODEC(Delta(8), ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served',
    `failed` Bool COMMENT 'Whether it ended in an error',
    `unpriced` Bool COMMENT 'Whether it used tokens at a cost that is unknown',
    `input_tokens` Int64 COMMENT 'All input, cached and written to a cache included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `cache_write_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'All output, reasoning included',
    `reasoning_tokens` Int64 COMMENT 'Of the output',
    `duration_ns` Int64 COMMENT 'From start to end',
    `cost_usd` Decimal(38, 12) COMMENT 'What it would have cost; 0: its cost was unknown'
)
ENGINE = MergeTree
ORDER BY (search, copy_key)
TTL searched_at + toIntervalDay(1)
SETTINGS index_granularity = 8192;

CREATE VIEW copy_originals
(
    `copy_key` UInt64,
    `dedup_of` FixedString(8)
)
AS SELECT
    copy_key,
    argMax(copies.dedup_of, found_at) AS dedup_of
FROM copies
GROUP BY copy_key;

CREATE TABLE copy_rounds
(
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which the calls started; of a row that ends a round, when that was',
    `found_at` DateTime64(6, 'UTC') COMMENT 'The round, as copies has it',
    `calls` Int64 COMMENT 'Calls of all tenants that the hour had, copies included; 0: the row ends a round',
    `ends_round` Bool DEFAULT true COMMENT 'True: what the round found is in the roll-ups; false: the hour was searched'
)
ENGINE = MergeTree
ORDER BY (hour, found_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW cost_differences
(
    `tenant` LowCardinality(String),
    `day` Date,
    `service` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `reported_cost_source` LowCardinality(String),
    `calls` UInt64,
    `differing_calls` UInt64,
    `cost_usd` Decimal(38, 12),
    `reported_cost_usd` Decimal(38, 12),
    `difference_usd` Decimal(38, 12),
    `largest_difference_usd` Decimal(38, 12)
)
AS SELECT
    tenant,
    toDate(started_at) AS day,
    service,
    provider,
    model,
    reported_cost_source,
    count() AS calls,
    countIf(calls.cost_usd != calls.reported_cost_usd) AS differing_calls,
    sum(assumeNotNull(calls.cost_usd)) AS cost_usd,
    sum(assumeNotNull(calls.reported_cost_usd)) AS reported_cost_usd,
    cost_usd - reported_cost_usd AS difference_usd,
    max(abs(assumeNotNull(calls.cost_usd) - assumeNotNull(calls.reported_cost_usd))) AS largest_difference_usd
FROM calls
WHERE billable AND isNotNull(calls.cost_usd) AND isNotNull(calls.reported_cost_usd) AND (cost_basis != 'reported')
GROUP BY
    tenant,
    day,
    service,
    provider,
    model,
    reported_cost_source;

CREATE MATERIALIZED VIEW decode TO decoded
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` String,
    `kind` Int32,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` Int64,
    `status_code` Int32,
    `status_message` String,
    `scope_name` String,
    `scope_version` String,
    `resource_attributes` Map(String, String),
    `attribute_keys` Array(String),
    `attribute_types` Array(Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)),
    `attribute_strings` Array(String),
    `attribute_integers` Array(Int64),
    `attribute_doubles` Array(Float64),
    `attribute_booleans` Array(Bool),
    `attribute_lists` Array(Array(String)),
    `attribute_bytes` Array(String),
    `events` Array(String),
    `links` Array(String)
)
AS SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    toFixedString(substring(span.trace_id, 1, 16), 16) AS trace_id,
    toFixedString(substring(span.span_id, 1, 8), 8) AS span_id,
    toFixedString(if(span.parent_span_id = span.span_id, '', substring(span.parent_span_id, 1, 8)), 8) AS parent_span_id,
    span.trace_state AS trace_state,
    span.name AS name,
    span.kind AS kind,
    fromUnixTimestamp64Nano(toInt64(least(span.start_time_unix_nano, 9223372036854775807)), 'UTC') AS started_at,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS duration_ns,
    span.status.code AS status_code,
    span.status.message AS status_message,
    scope_name,
    scope_version,
    resource_attributes,
    span.attributes.key AS attribute_keys,
    span.attributes.value.value AS attribute_types,
    span.attributes.value.string_value AS attribute_strings,
    span.attributes.value.int_value AS attribute_integers,
    span.attributes.value.double_value AS attribute_doubles,
    span.attributes.value.bool_value AS attribute_booleans,
    arrayMap(list -> arrayMap(element -> multiIf(element.value = 'string_value', element.string_value, element.value = 'int_value', toString(element.int_value), element.value = 'double_value', toString(element.double_value), element.value = 'bool_value', toString(element.bool_value), base64Encode(concat(element.array_value, element.kvlist_value, element.bytes_value))), list.`values`), span.attributes.value.array_value) AS attribute_lists,
    arrayMap((kvlist, bytes) -> concat(kvlist, bytes), span.attributes.value.kvlist_value, span.attributes.value.bytes_value) AS attribute_bytes,
    span.events AS events,
    span.links AS links
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        resource_attributes,
        scope_spans.scope.name AS scope_name,
        scope_spans.scope.version AS scope_version,
        arrayJoin(scope_spans.spans) AS span
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), resource_spans.resource.attributes), 'Map(String, String)') AS resource_attributes,
            arrayJoin(resource_spans.scope_spans) AS scope_spans
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                arrayJoin(request.resource_spans) AS resource_spans
            FROM landing
        )
    )
);

CREATE MATERIALIZED VIEW decode_log_calls TO decoded
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` String,
    `kind` Int32,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int32,
    `status_message` String,
    `scope_name` String,
    `scope_version` String,
    `resource_attributes` Map(String, String),
    `attribute_keys` Array(String),
    `attribute_types` Array(Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)),
    `attribute_strings` Array(String),
    `attribute_integers` Array(Int64),
    `attribute_doubles` Array(Float64),
    `attribute_booleans` Array(Bool),
    `attribute_lists` Array(Array(String)),
    `attribute_bytes` Array(String),
    `events` Array(String),
    `links` Array(String)
)
AS SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    if(record.trace_id = '', reinterpretAsFixedString(sipHash128(tenant, content, 'trace')), toFixedString(substring(record.trace_id, 1, 16), 16)) AS trace_id,
    reinterpretAsFixedString(sipHash64(tenant, content)) AS span_id,
    toFixedString(substring(record.span_id, 1, 8), 8) AS parent_span_id,
    '' AS trace_state,
    call_name AS name,
    toInt32(3) AS kind,
    fromUnixTimestamp64Nano(toInt64(least(ended_ns - least(took_ns, ended_ns), 9223372036854775807)), 'UTC') AS started_at,
    took_ns AS duration_ns,
    toInt32(0) AS status_code,
    '' AS status_message,
    scope_name,
    scope_version,
    CAST(resource, 'Map(String, String)') AS resource_attributes,
    record.attributes.key AS attribute_keys,
    record.attributes.value.value AS attribute_types,
    record.attributes.value.string_value AS attribute_strings,
    record.attributes.value.int_value AS attribute_integers,
    record.attributes.value.double_value AS attribute_doubles,
    record.attributes.value.bool_value AS attribute_booleans,
    arrayMap(list -> list.`values`.string_value, record.attributes.value.array_value) AS attribute_lists,
    arrayMap((kvlist, bytes) -> concat(kvlist, bytes), record.attributes.value.kvlist_value, record.attributes.value.bytes_value) AS attribute_bytes,
    CAST([], 'Array(String)') AS events,
    CAST([], 'Array(String)') AS links
FROM
(
    SELECT
        *,
        if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano) AS ended_ns,
        toUInt64(least(greatest(ifNull(toFloat64OrNull(map['duration_ms']), 0), 0), 86400000) * 1000000) AS took_ns,
        (call_name, ended_ns, record.span_id, record.trace_id, toString(map)) AS content
    FROM
    (
        SELECT
            *,
            CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), record.attributes), 'Map(LowCardinality(String), String)') AS map,
            multiIf(('claude_code.api_request' IN (record.event_name, map['event.name'], record.body.string_value)), 'claude_code.api_request', ('api_request' IN (record.event_name, map['event.name'])) AND (position(scope_name, 'claude_code') > 0), 'claude_code.api_request', ('gemini_cli.api_response' IN (record.event_name, map['event.name'], record.body.string_value)), 'gemini_cli.api_response', ('codex.sse_event' IN (record.event_name, map['event.name'], record.body.string_value)) AND (if(mapContains(map, 'input_token_count'), map['event.kind'], '') = 'response.completed'), 'codex.sse_event', '') AS call_name
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                resource,
                scope_logs.scope.name AS scope_name,
                scope_logs.scope.version AS scope_version,
                arrayJoin(scope_logs.log_records) AS record
            FROM
            (
                SELECT
                    tenant,
                    key,
                    received_at,
                    CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), resource_logs.resource.attributes), 'Map(LowCardinality(String), String)') AS resource,
                    arrayJoin(resource_logs.scope_logs) AS scope_logs
                FROM
                (
                    SELECT
                        tenant,
                        key,
                        received_at,
                        arrayJoin(logs.resource_logs) AS resource_logs
                    FROM landing_logs
                )
            )
        )
    )
    WHERE call_name != ''
);

CREATE MATERIALIZED VIEW decode_logs TO log_records
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `logged_at` DateTime64(9, 'UTC'),
    `severity_number` Int8,
    `severity_text` String,
    `event_name` String,
    `body` String,
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `scope_name` String,
    `service` String,
    `environment` String,
    `attributes` Map(LowCardinality(String), String),
    `resource` Map(LowCardinality(String), String)
)
AS SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    fromUnixTimestamp64Nano(toInt64(least(if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano), 9223372036854775807)), 'UTC') AS logged_at,
    toInt8(least(greatest(record.severity_number, -128), 127)) AS severity_number,
    record.severity_text AS severity_text,
    if(record.event_name != '', record.event_name, attributes['event.name']) AS event_name,
    multiIf(record.body.value = 'string_value', record.body.string_value, record.body.value = 'int_value', toString(record.body.int_value), record.body.value = 'double_value', toString(record.body.double_value), record.body.value = 'bool_value', toString(record.body.bool_value), base64Encode(concat(record.body.array_value, record.body.kvlist_value, record.body.bytes_value))) AS body,
    toFixedString(substring(record.trace_id, 1, 16), 16) AS trace_id,
    toFixedString(substring(record.span_id, 1, 8), 8) AS span_id,
    scope_name,
    resource['service.name'] AS service,
    if((resource['deployment.environment.name']) != '', resource['deployment.environment.name'], resource['deployment.environment']) AS environment,
    CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), record.attributes), 'Map(LowCardinality(String), String)') AS attributes,
    resource
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        resource,
        scope_logs.scope.name AS scope_name,
        arrayJoin(scope_logs.log_records) AS record
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), resource_logs.resource.attributes), 'Map(LowCardinality(String), String)') AS resource,
            arrayJoin(resource_logs.scope_logs) AS scope_logs
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                arrayJoin(logs.resource_logs) AS resource_logs
            FROM landing_logs
        )
    )
);

CREATE MATERIALIZED VIEW decode_metrics TO metric_points
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `metric` String,
    `kind` String,
    `unit` String,
    `started_at` DateTime64(9, 'UTC'),
    `measured_at` DateTime64(9, 'UTC'),
    `value` Float64,
    `count` UInt64,
    `buckets` Array(UInt64),
    `bounds` Array(Float64),
    `temporality` Int8,
    `monotonic` Bool,
    `scope_name` String,
    `service` String,
    `environment` String,
    `attributes` Map(String, String),
    `resource` Map(LowCardinality(String), String)
)
AS SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    metric_name AS metric,
    point.1 AS kind,
    unit,
    fromUnixTimestamp64Nano(toInt64(least(point.2, 9223372036854775807)), 'UTC') AS started_at,
    fromUnixTimestamp64Nano(toInt64(least(point.3, 9223372036854775807)), 'UTC') AS measured_at,
    point.4 AS value,
    point.5 AS count,
    point.6 AS buckets,
    point.7 AS bounds,
    point.8 AS temporality,
    point.9 AS monotonic,
    scope_name,
    resource['service.name'] AS service,
    if((resource['deployment.environment.name']) != '', resource['deployment.environment.name'], resource['deployment.environment']) AS environment,
    point.10 AS attributes,
    resource
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        resource,
        scope_name,
        metric.name AS metric_name,
        metric.unit AS unit,
        arrayJoin(arrayConcat(arrayMap(point -> ('gauge', point.start_time_unix_nano, point.time_unix_nano, if(point.as_int != 0, toFloat64(point.as_int), point.as_double), toUInt64(0), CAST([], 'Array(UInt64)'), CAST([], 'Array(Float64)'), toInt8(0), false, CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), point.attributes), 'Map(LowCardinality(String), String)')), metric.gauge.data_points), arrayMap(point -> ('sum', point.start_time_unix_nano, point.time_unix_nano, if(point.as_int != 0, toFloat64(point.as_int), point.as_double), toUInt64(0), CAST([], 'Array(UInt64)'), CAST([], 'Array(Float64)'), toInt8(metric.sum.aggregation_temporality), metric.sum.is_monotonic, CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), point.attributes), 'Map(LowCardinality(String), String)')), metric.sum.data_points), arrayMap(point -> ('histogram', point.start_time_unix_nano, point.time_unix_nano, point.sum, point.count, point.bucket_counts, point.explicit_bounds, toInt8(metric.histogram.aggregation_temporality), false, CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), point.attributes), 'Map(LowCardinality(String), String)')), metric.histogram.data_points), arrayMap(point -> ('exponential_histogram', point.start_time_unix_nano, point.time_unix_nano, point.sum, point.count, CAST([], 'Array(UInt64)'), CAST([], 'Array(Float64)'), toInt8(metric.exponential_histogram.aggregation_temporality), false, CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), point.attributes), 'Map(LowCardinality(String), String)')), metric.exponential_histogram.data_points), arrayMap(point -> ('summary', point.start_time_unix_nano, point.time_unix_nano, point.sum, point.count, CAST([], 'Array(UInt64)'), CAST([], 'Array(Float64)'), toInt8(0), false, CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), point.attributes), 'Map(LowCardinality(String), String)')), metric.summary.data_points))) AS point
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            resource,
            scope_metrics.scope.name AS scope_name,
            arrayJoin(scope_metrics.metrics) AS metric
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                CAST(arrayMap(attribute -> (attribute.key, multiIf(attribute.value.value = 'string_value', attribute.value.string_value, attribute.value.value = 'int_value', toString(attribute.value.int_value), attribute.value.value = 'double_value', toString(attribute.value.double_value), attribute.value.value = 'bool_value', toString(attribute.value.bool_value), attribute.value.value = 'array_value', arrayStringConcat(attribute.value.array_value.`values`.string_value, ','), base64Encode(concat(attribute.value.kvlist_value, attribute.value.bytes_value)))), resource_metrics.resource.attributes), 'Map(LowCardinality(String), String)') AS resource,
                arrayJoin(resource_metrics.scope_metrics) AS scope_metrics
            FROM
            (
                SELECT
                    tenant,
                    key,
                    received_at,
                    arrayJoin(metrics.resource_metrics) AS resource_metrics
                FROM landing_metrics
            )
        )
    )
);

CREATE TABLE decoded
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` String,
    `kind` Int32,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int32,
    `status_message` String,
    `scope_name` String,
    `scope_version` String,
    `resource_attributes` Map(String, String),
    `attribute_keys` Array(String),
    `attribute_types` Array(Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)),
    `attribute_strings` Array(String),
    `attribute_integers` Array(Int64),
    `attribute_doubles` Array(Float64),
    `attribute_booleans` Array(Bool),
    `attribute_lists` Array(Array(String)) COMMENT 'Elements of an array value as text',
    `attribute_bytes` Array(String) COMMENT 'A kvlist as its protobuf bytes, or bytes',
    `events` Array(String) COMMENT 'Span.Event messages as protobuf bytes',
    `links` Array(String) COMMENT 'Span.Link messages as protobuf bytes'
)
ENGINE = `Null`;

CREATE TABLE entities
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `kind` LowCardinality(String) COMMENT 'Dimension: key, model, response_model, team, feature, customer, service, version or run',
    `entity` String COMMENT 'Its value',
    `of` String COMMENT 'What it belongs to: the service of a version, the model of a response_model; else empty',
    `first_call` SimpleAggregateFunction(min, DateTime('UTC')) COMMENT 'Minute of the first call',
    `last_call` SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'Minute of the last call',
    `calls` SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, kind, entity, of)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE VIEW focus_adjustments
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `provider` LowCardinality(String),
    `EffectiveCost` Decimal(38, 12),
    `BilledCost` Decimal(38, 12),
    `ContractedCost` Decimal(38, 12),
    `ListCost` Decimal(38, 12),
    `PricingQuantity` Nullable(Decimal(38, 12)),
    `PricingUnit` Nullable(String),
    `ConsumedQuantity` Nullable(Decimal(38, 12)),
    `ConsumedUnit` Nullable(String),
    `ContractedUnitPrice` Nullable(Decimal(38, 12)),
    `ListUnitPrice` Nullable(Decimal(38, 12)),
    `PricingCategory` Nullable(String),
    `SkuMeter` Nullable(String),
    `SkuId` Nullable(String),
    `SkuPriceId` Nullable(String),
    `SkuPriceDetails` Nullable(String),
    `ChargeDescription` String,
    `ServiceProviderName` String,
    `ServiceName` String,
    `team` LowCardinality(String),
    `SubAccountId` LowCardinality(Nullable(String)),
    `SubAccountType` Nullable(String),
    `Tags` String,
    `x_Calls` Int64,
    `period` Date
)
AS SELECT
    tenant,
    hour,
    provider,
    amount_usd AS EffectiveCost,
    if(endsWith(if(new_price_id = '', old_price_id, new_price_id), '/hosted'), toDecimal128(0, 12), amount_usd) AS BilledCost,
    amount_usd AS ContractedCost,
    amount_usd AS ListCost,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS PricingQuantity,
    CAST(NULL, 'Nullable(String)') AS PricingUnit,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS ConsumedQuantity,
    CAST(NULL, 'Nullable(String)') AS ConsumedUnit,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS ContractedUnitPrice,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS ListUnitPrice,
    CAST(NULL, 'Nullable(String)') AS PricingCategory,
    CAST(NULL, 'Nullable(String)') AS SkuMeter,
    CAST(NULL, 'Nullable(String)') AS SkuId,
    CAST(NULL, 'Nullable(String)') AS SkuPriceId,
    CAST(NULL, 'Nullable(String)') AS SkuPriceDetails,
    concat(model, ' ', kind, ' adjustment', if(reason = '', '', concat(': ', reason))) AS ChargeDescription,
    transform(provider, ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai', 'deepseek', 'groq', 'cohere', 'openrouter', 'together_ai', 'fireworks_ai', 'perplexity', 'moonshot_ai', ''], ['OpenAI', 'Microsoft', 'Microsoft', 'Anthropic', 'AWS', 'Google', 'Google Cloud', 'Google', 'xAI', 'Mistral AI', 'DeepSeek', 'Groq', 'Cohere', 'OpenRouter', 'Together AI', 'Fireworks AI', 'Perplexity', 'Moonshot AI', 'unknown'], toString(provider)) AS ServiceProviderName,
    transform(provider, ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai'], ['OpenAI API', 'Azure OpenAI', 'Azure AI Inference', 'Claude API', 'Amazon Bedrock', 'Gemini API', 'Vertex AI', 'Gemini API', 'xAI API', 'Mistral API'], concat(transform(provider, ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai', 'deepseek', 'groq', 'cohere', 'openrouter', 'together_ai', 'fireworks_ai', 'perplexity', 'moonshot_ai', ''], ['OpenAI', 'Microsoft', 'Microsoft', 'Anthropic', 'AWS', 'Google', 'Google Cloud', 'Google', 'xAI', 'Mistral AI', 'DeepSeek', 'Groq', 'Cohere', 'OpenRouter', 'Together AI', 'Fireworks AI', 'Perplexity', 'Moonshot AI', 'unknown'], toString(provider)), ' API')) AS ServiceName,
    team,
    nullIf(toString(team), '') AS SubAccountId,
    if(team = '', NULL, 'Team') AS SubAccountType,
    toJSONString(mapFilter((name, value) -> (value != ''), map('service', toString(service), 'environment', toString(environment), 'team', toString(team), 'feature', toString(feature), 'customer', toString(customer), 'operation', toString(operation)))) AS Tags,
    calls AS x_Calls,
    period
FROM adjustments;

CREATE VIEW focus_charges
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `provider` LowCardinality(String),
    `EffectiveCost` Decimal(38, 12),
    `BilledCost` Decimal(38, 12),
    `ContractedCost` Decimal(38, 12),
    `ListCost` Decimal(38, 12),
    `PricingQuantity` Decimal(38, 12),
    `PricingUnit` String,
    `ConsumedQuantity` Decimal(38, 12),
    `ConsumedUnit` String,
    `ContractedUnitPrice` Decimal(38, 12),
    `ListUnitPrice` Decimal(38, 12),
    `PricingCategory` String,
    `SkuMeter` String,
    `SkuId` String,
    `SkuPriceId` String,
    `SkuPriceDetails` String,
    `ChargeDescription` String,
    `ServiceProviderName` String,
    `ServiceName` String,
    `team` LowCardinality(String),
    `SubAccountId` LowCardinality(Nullable(String)),
    `SubAccountType` Nullable(String),
    `Tags` String,
    `x_Calls` Int64
)
AS WITH
    splitByChar(':', class)[1] AS unit_class,
    substring(class, length(unit_class) + 2) AS detail,
    transform(unit_class, ['web_search', 'file_search', 'code_session', 'search_unit', 'audio_second', 'character', 'page', 'image', 'request_fee'], ['Requests', 'Requests', 'Sessions', 'Units', 'Seconds', 'Characters', 'Pages', 'Images', 'Requests'], '') AS unit
SELECT
    tenant,
    hour,
    provider,
    effective_cost_usd AS EffectiveCost,
    billed_cost_usd AS BilledCost,
    contracted_cost_usd AS ContractedCost,
    list_cost_usd AS ListCost,
    multiIf(class = 'request', effective_cost_usd, unit != '', CAST(quantity, 'Decimal(38, 12)'), CAST(quantity, 'Decimal(38, 12)') / 1000000) AS PricingQuantity,
    multiIf(class = 'request', 'Credits', unit != '', unit, class = 'millisecond', '1000000 Milliseconds', '1000000 Tokens') AS PricingUnit,
    CAST(quantity, 'Decimal(38, 12)') AS ConsumedQuantity,
    multiIf(class = 'request', 'Requests', unit != '', unit, class = 'millisecond', 'Milliseconds', 'Tokens') AS ConsumedUnit,
    multiIf(class = 'request', toDecimal128(1, 12), unit != '', assumeNotNull(unit_price_usd), assumeNotNull(unit_price_usd) * 1000000) AS ContractedUnitPrice,
    multiIf(class = 'request', toDecimal128(1, 12), unit != '', assumeNotNull(list_unit_price_usd), assumeNotNull(list_unit_price_usd) * 1000000) AS ListUnitPrice,
    if(class = 'request', 'Other', 'Standard') AS PricingCategory,
    transform(class, ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond', 'request'], ['Input Tokens', 'Cache Read Input Tokens', 'Cache Write Input Tokens', 'Long Cache Write Input Tokens', 'Audio Input Tokens', 'Image Input Tokens', 'Output Tokens', 'Reasoning Output Tokens', 'Audio Output Tokens', 'Image Output Tokens', 'GPU Time', 'Requests'], if(unit = '', class, concat(transform(unit_class, ['web_search', 'file_search', 'code_session', 'search_unit', 'audio_second', 'character', 'page', 'image', 'request_fee'], ['Web Searches', 'File Searches', 'Code Sessions', 'Search Units', 'Audio Input Time', 'Characters', 'Pages', 'Images', 'Request Fees'], unit_class), if(detail = '', '', concat(' ', detail))))) AS SkuMeter,
    concat(provider, '/', model, '/', class) AS SkuId,
    concat(if(price_id = '', concat(provider, '/', model, '/reported'), replaceRegexpOne(price_id, '/[0-9]{4}-[0-9]{2}-[0-9]{2}[^/]*', '')), '/', class) AS SkuPriceId,
    toJSONString(mapFilter((name, value) -> (value != ''), map('x_ModelId', toString(model), 'x_TokenDirection', multiIf((class IN ('request', 'millisecond')) OR (unit != ''), '', (class LIKE 'output%') OR (class = 'reasoning'), 'Output', 'Input'), 'x_TokenCacheAction', multiIf(class = 'cache_read', 'Read', class LIKE 'cache_write%', 'Write', class LIKE 'input%', 'Uncached', ''), 'x_CacheTtl', multiIf(class != 'cache_write_1h', '', (provider IN ('openai', 'azure.ai.openai', 'azure.ai.inference')), '12h', '1h'), 'x_Detail', detail, 'x_Modality', multiIf(class LIKE '%audio', 'Audio', class LIKE '%image', 'Image', (class IN ('request', 'millisecond')) OR (unit != ''), '', 'Text'), 'x_ProcessingTier', toString(service_tier), 'x_ContextOver', extract(price_id, '/([0-9]+)/[0-9]{4}-[0-9]{2}-[0-9]{2}'), 'x_Variant', extract(price_id, '/((?:region|window):[^/]+)'), 'x_CostSource', if(class = 'request', 'provider', '')))) AS SkuPriceDetails,
    concat(model, ' ', replaceAll(class, '_', ' '), if(service_tier = 'standard', '', concat(' ', service_tier))) AS ChargeDescription,
    transform(provider, ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai', 'deepseek', 'groq', 'cohere', 'openrouter', 'together_ai', 'fireworks_ai', 'perplexity', 'moonshot_ai', ''], ['OpenAI', 'Microsoft', 'Microsoft', 'Anthropic', 'AWS', 'Google', 'Google Cloud', 'Google', 'xAI', 'Mistral AI', 'DeepSeek', 'Groq', 'Cohere', 'OpenRouter', 'Together AI', 'Fireworks AI', 'Perplexity', 'Moonshot AI', 'unknown'], toString(provider)) AS ServiceProviderName,
    transform(provider, ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai'], ['OpenAI API', 'Azure OpenAI', 'Azure AI Inference', 'Claude API', 'Amazon Bedrock', 'Gemini API', 'Vertex AI', 'Gemini API', 'xAI API', 'Mistral API'], concat(transform(provider, ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai', 'deepseek', 'groq', 'cohere', 'openrouter', 'together_ai', 'fireworks_ai', 'perplexity', 'moonshot_ai', ''], ['OpenAI', 'Microsoft', 'Microsoft', 'Anthropic', 'AWS', 'Google', 'Google Cloud', 'Google', 'xAI', 'Mistral AI', 'DeepSeek', 'Groq', 'Cohere', 'OpenRouter', 'Together AI', 'Fireworks AI', 'Perplexity', 'Moonshot AI', 'unknown'], toString(provider)), ' API')) AS ServiceName,
    team,
    nullIf(toString(team), '') AS SubAccountId,
    if(team = '', NULL, 'Team') AS SubAccountType,
    toJSONString(mapFilter((name, value) -> (value != ''), map('service', toString(service), 'environment', toString(environment), 'team', toString(team), 'feature', toString(feature), 'customer', toString(customer), 'operation', toString(operation)))) AS Tags,
    toInt64(calls) AS x_Calls
FROM token_charges;

CREATE TABLE incident_history
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `incident` String COMMENT 'Id of the incident: the same through restarts and replays',
    `sequence` UInt32 COMMENT 'From 1 on within the incident',
    `at` DateTime64(3, 'UTC') COMMENT 'When it happened, UTC',
    `event` LowCardinality(String) COMMENT 'opened, updated, escalated, merged, suppressed, reopened, acknowledged, owned, noted, snoozed, woken, feedback or resolved',
    `actor` String COMMENT 'Who did it: a person, or tollbook',
    `note` String COMMENT 'What was said with it' CODEC(ZSTD(1)),
    `status` LowCardinality(String) COMMENT 'open, acknowledged or resolved, after it',
    `kind` LowCardinality(String) COMMENT 'What it came from: anomaly, drift, budget, unpriced, imbalance, silence or collector',
    `channel` LowCardinality(String) COMMENT 'What went wrong: a channel of a detector, or a word such as exceeded',
    `severity` LowCardinality(String) COMMENT 'info, warning or critical',
    `title` String COMMENT 'One line',
    `explanation` String COMMENT 'What happened, in plain words' CODEC(ZSTD(1)),
    `dimensions` Map(LowCardinality(String), String) COMMENT 'What it is about; empty: all of the tenant',
    `started_at` DateTime('UTC') COMMENT 'When it began, by the clock of the data, UTC',
    `opened_at` DateTime64(3, 'UTC') COMMENT 'When it became an incident, UTC',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When somebody took it, UTC; NULL: nobody did',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was over, UTC; NULL: it is not',
    `snoozed_until` Nullable(DateTime64(3, 'UTC')) COMMENT 'Until then nothing is sent about it, UTC; NULL: not snoozed',
    `owner` String COMMENT 'Who has it',
    `parent` String COMMENT 'Incident that it is a part of, so that nothing is sent about it alone; empty: none',
    `feedback` LowCardinality(String) COMMENT 'What a person said it was: expected, real or planned; empty: nothing',
    `so_far_usd` Nullable(Decimal(38, 12)) COMMENT 'Spend beyond what was expected, USD; NULL: unknown or not about money',
    `projected_usd` Nullable(Decimal(38, 12)) COMMENT 'The same at the end of the month if it goes on, USD; NULL: unknown',
    `evidence` String COMMENT 'What it rests on, JSON' CODEC(ZSTD(1)),
    `sources` Array(String) COMMENT 'Findings that are this incident, as kind:key',
    `active` Array(String) COMMENT 'Of them, those that go on'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(opened_at)
ORDER BY (tenant, incident, sequence)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW incidents
(
    `tenant` LowCardinality(String),
    `incident` String,
    `sequence` UInt32,
    `at` DateTime64(3, 'UTC'),
    `event` LowCardinality(String),
    `status` LowCardinality(String),
    `kind` LowCardinality(String),
    `channel` LowCardinality(String),
    `severity` LowCardinality(String),
    `title` String,
    `explanation` String,
    `dimensions` Map(LowCardinality(String), String),
    `started_at` DateTime('UTC'),
    `opened_at` DateTime64(3, 'UTC'),
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')),
    `resolved_at` Nullable(DateTime64(3, 'UTC')),
    `snoozed_until` Nullable(DateTime64(3, 'UTC')),
    `owner` String,
    `parent` String,
    `feedback` LowCardinality(String),
    `so_far_usd` Nullable(Decimal(38, 12)),
    `projected_usd` Nullable(Decimal(38, 12)),
    `evidence` String,
    `sources` Array(String),
    `active` Array(String)
)
AS SELECT
    tenant,
    incident,
    sequence,
    at,
    event,
    status,
    kind,
    channel,
    severity,
    title,
    explanation,
    dimensions,
    started_at,
    opened_at,
    acknowledged_at,
    resolved_at,
    snoozed_until,
    owner,
    parent,
    feedback,
    so_far_usd,
    projected_usd,
    evidence,
    sources,
    active
FROM incident_history
FINAL
ORDER BY sequence DESC
LIMIT 1 BY
    tenant,
    incident;

CREATE VIEW kept_today
(
    `name` String,
    `tenant` String,
    `dimension` String,
    `value` String,
    `day` Date
)
AS SELECT
    concat(tenant, '\0', dimension, '\0', value) AS name,
    tenant,
    dimension,
    value,
    day
FROM kept_values
WHERE day = toDate(now('UTC'))
UNION ALL
SELECT DISTINCT
    concat(tenant, '\0\0') AS name,
    tenant,
    '' AS dimension,
    '' AS value,
    day
FROM kept_values
WHERE day = toDate(now('UTC'));

CREATE DICTIONARY kept_value
(
    `name` String,
    `day` Date
)
PRIMARY KEY name
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'kept_today'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(COMPLEX_KEY_HASHED());

CREATE TABLE kept_values
(
    `day` Date COMMENT 'UTC',
    `tenant` String COMMENT 'Whose calls they are of',
    `dimension` LowCardinality(String) COMMENT 'service, model, team, feature or customer',
    `value` String COMMENT 'Kept as it is; every other one becomes (other). Empty: the dimension is over its cap'
)
ENGINE = ReplacingMergeTree
ORDER BY (day, tenant, dimension, value)
TTL day + toIntervalDay(7)
SETTINGS index_granularity = 8192;

CREATE VIEW key_usage
(
    `tenant` LowCardinality(String) COMMENT 'Whose key it is',
    `key` String COMMENT 'Public id of the key; empty: the collector was open',
    `day` Date COMMENT 'UTC',
    `requests` UInt64 COMMENT 'Requests that were kept',
    `items` UInt64 COMMENT 'Spans, log records and data points in them',
    `bytes` UInt64 COMMENT 'Their bytes, uncompressed',
    `last_used_at` DateTime64(3, 'UTC') COMMENT 'When the last one came, to about 10 s'
)
AS SELECT
    tenant,
    key,
    day,
    sum(use.requests) AS requests,
    sum(use.items) AS items,
    sum(use.bytes) AS bytes,
    max(use.last_used_at) AS last_used_at
FROM key_use AS use
FINAL
GROUP BY
    tenant,
    key,
    day;

CREATE TABLE key_use
(
    `tenant` LowCardinality(String),
    `key` String COMMENT 'Public id of the key; empty: the collector was open',
    `day` Date COMMENT 'UTC',
    `collector` String COMMENT 'Names the run of a collector that counted',
    `requests` UInt64 COMMENT 'Requests that were kept',
    `items` UInt64 COMMENT 'Spans, log records and data points in them',
    `bytes` UInt64 COMMENT 'Their bytes, uncompressed',
    `last_used_at` DateTime64(3, 'UTC') COMMENT 'When the last one came'
)
ENGINE = ReplacingMergeTree(last_used_at)
ORDER BY (tenant, key, day, collector)
TTL day + toIntervalDay(400)
SETTINGS index_granularity = 8192;

CREATE TABLE keys
(
    `id` String COMMENT 'Public part of the key',
    `tenant` String COMMENT 'Whose data it writes and reads; * manages the keys of all',
    `name` String COMMENT 'For people',
    `scopes` Array(LowCardinality(String)) COMMENT 'ingest, query, admin',
    `digest` String COMMENT 'HMAC-SHA-256 of the key under a pepper that is not in the database, hexadecimal',
    `pepper_id` String COMMENT 'Names that pepper',
    `created_at` DateTime64(6, 'UTC'),
    `expires_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'From when it is not let in; NULL: never',
    `revoked_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'NULL: it was not revoked',
    `replaces` String COMMENT 'Id of the key that it was rotated from; empty: none',
    `requests_per_s` UInt64 COMMENT 'Requests a second; 0: no limit',
    `items_per_s` UInt64 COMMENT 'Spans, log records and data points a second; 0: no limit',
    `bytes_per_day` UInt64 COMMENT 'Uncompressed bytes a day (UTC); 0: no limit',
    `changed_at` UInt64 COMMENT 'Nanoseconds since 1970 of this version'
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE landing
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` UInt64 COMMENT 'Nanoseconds since 1970',
    `sequence` UInt64,
    `request` Tuple(resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(
            key String,
            value Tuple(
                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                string_value String,
                bool_value Bool,
                int_value Int64,
                double_value Float64,
                array_value Tuple(`values` Array(Tuple(
                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String,
                    bool_value Bool,
                    int_value Int64,
                    double_value Float64,
                    array_value String,
                    kvlist_value String,
                    bytes_value String))),
                kvlist_value String,
                bytes_value String)))),
        scope_spans Array(Tuple(
            scope Tuple(
                name String,
                version String),
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes Array(Tuple(
                    key String,
                    value Tuple(
                        value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String,
                        bool_value Bool,
                        int_value Int64,
                        double_value Float64,
                        array_value Tuple(`values` Array(Tuple(
                            value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String,
                            bool_value Bool,
                            int_value Int64,
                            double_value Float64,
                            array_value String,
                            kvlist_value String,
                            bytes_value String))),
                        kvlist_value String,
                        bytes_value String))),
                events Array(String),
                links Array(String),
                status Tuple(
                    message String,
                    code Int32)))))))),
    `spans` UInt64 COMMENT 'Spans that the door let in',
    `rejected` Array(Tuple(
        reason String,
        items Int64)) COMMENT 'Spans that it did not, by reason; a negative number takes some back'
)
ENGINE = `Null`;

CREATE TABLE landing_logs
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` UInt64 COMMENT 'Nanoseconds since 1970',
    `sequence` UInt64,
    `spans` UInt64 COMMENT 'Records that the door let in',
    `rejected` Array(Tuple(
        reason String,
        items Int64)) COMMENT 'Records that it did not, by reason',
    `logs` Tuple(resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(
            key String,
            value Tuple(
                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                string_value String,
                bool_value Bool,
                int_value Int64,
                double_value Float64,
                array_value Tuple(`values` Array(Tuple(
                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String,
                    bool_value Bool,
                    int_value Int64,
                    double_value Float64,
                    array_value String,
                    kvlist_value String,
                    bytes_value String))),
                kvlist_value String,
                bytes_value String)))),
        scope_logs Array(Tuple(
            scope Tuple(
                name String,
                version String),
            log_records Array(Tuple(
                time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body Tuple(
                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String,
                    bool_value Bool,
                    int_value Int64,
                    double_value Float64,
                    array_value String,
                    kvlist_value String,
                    bytes_value String),
                attributes Array(Tuple(
                    key String,
                    value Tuple(
                        value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                        string_value String,
                        bool_value Bool,
                        int_value Int64,
                        double_value Float64,
                        array_value Tuple(`values` Array(Tuple(
                            value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String,
                            bool_value Bool,
                            int_value Int64,
                            double_value Float64,
                            array_value String,
                            kvlist_value String,
                            bytes_value String))),
                        kvlist_value String,
                        bytes_value String))),
                trace_id String,
                span_id String,
                observed_time_unix_nano UInt64,
                event_name String)))))))
)
ENGINE = `Null`;

CREATE TABLE landing_metrics
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` UInt64 COMMENT 'Nanoseconds since 1970',
    `sequence` UInt64,
    `spans` UInt64 COMMENT 'Data points that the door let in',
    `rejected` Array(Tuple(
        reason String,
        items Int64)) COMMENT 'Data points that it did not, by reason',
    `metrics` Tuple(resource_metrics Array(Tuple(
        resource Tuple(attributes Array(Tuple(
            key String,
            value Tuple(
                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                string_value String,
                bool_value Bool,
                int_value Int64,
                double_value Float64,
                array_value Tuple(`values` Array(Tuple(
                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                    string_value String,
                    bool_value Bool,
                    int_value Int64,
                    double_value Float64,
                    array_value String,
                    kvlist_value String,
                    bytes_value String))),
                kvlist_value String,
                bytes_value String)))),
        scope_metrics Array(Tuple(
            scope Tuple(
                name String,
                version String),
            metrics Array(Tuple(
                name String,
                unit String,
                gauge Tuple(data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    as_double Float64,
                    as_int Int64,
                    attributes Array(Tuple(
                        key String,
                        value Tuple(
                            value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String,
                            bool_value Bool,
                            int_value Int64,
                            double_value Float64,
                            array_value Tuple(`values` Array(Tuple(
                                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                string_value String,
                                bool_value Bool,
                                int_value Int64,
                                double_value Float64,
                                array_value String,
                                kvlist_value String,
                                bytes_value String))),
                            kvlist_value String,
                            bytes_value String)))))),
                sum Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        as_double Float64,
                        as_int Int64,
                        attributes Array(Tuple(
                            key String,
                            value Tuple(
                                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                string_value String,
                                bool_value Bool,
                                int_value Int64,
                                double_value Float64,
                                array_value Tuple(`values` Array(Tuple(
                                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                    string_value String,
                                    bool_value Bool,
                                    int_value Int64,
                                    double_value Float64,
                                    array_value String,
                                    kvlist_value String,
                                    bytes_value String))),
                                kvlist_value String,
                                bytes_value String))))),
                    aggregation_temporality Int32,
                    is_monotonic Bool),
                histogram Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        bucket_counts Array(UInt64),
                        explicit_bounds Array(Float64),
                        attributes Array(Tuple(
                            key String,
                            value Tuple(
                                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                string_value String,
                                bool_value Bool,
                                int_value Int64,
                                double_value Float64,
                                array_value Tuple(`values` Array(Tuple(
                                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                    string_value String,
                                    bool_value Bool,
                                    int_value Int64,
                                    double_value Float64,
                                    array_value String,
                                    kvlist_value String,
                                    bytes_value String))),
                                kvlist_value String,
                                bytes_value String))))),
                    aggregation_temporality Int32),
                exponential_histogram Tuple(
                    data_points Array(Tuple(
                        attributes Array(Tuple(
                            key String,
                            value Tuple(
                                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                string_value String,
                                bool_value Bool,
                                int_value Int64,
                                double_value Float64,
                                array_value Tuple(`values` Array(Tuple(
                                    value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                    string_value String,
                                    bool_value Bool,
                                    int_value Int64,
                                    double_value Float64,
                                    array_value String,
                                    kvlist_value String,
                                    bytes_value String))),
                                kvlist_value String,
                                bytes_value String))),
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64)),
                    aggregation_temporality Int32),
                summary Tuple(data_points Array(Tuple(
                    start_time_unix_nano UInt64,
                    time_unix_nano UInt64,
                    count UInt64,
                    sum Float64,
                    attributes Array(Tuple(
                        key String,
                        value Tuple(
                            value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                            string_value String,
                            bool_value Bool,
                            int_value Int64,
                            double_value Float64,
                            array_value Tuple(`values` Array(Tuple(
                                value Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7),
                                string_value String,
                                bool_value Bool,
                                int_value Int64,
                                double_value Float64,
                                array_value String,
                                kvlist_value String,
                                bytes_value String))),
                            kvlist_value String,
                            bytes_value String)))))))))))))
)
ENGINE = `Null`;

CREATE VIEW latency
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `hour` DateTime('UTC') COMMENT 'Hour in which the calls started, UTC',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'As the price book names it; unknown ones as they came',
    `calls` UInt64 COMMENT 'Calls that ended well',
    `streamed_calls` UInt64 COMMENT 'Of them, those whose first chunk was timed',
    `p50_ms` Float64 COMMENT 'Milliseconds from start to end, half took less',
    `p95_ms` Float64 COMMENT '95 of 100 took less, milliseconds',
    `p99_ms` Float64 COMMENT '99 of 100 took less, milliseconds',
    `first_chunk_p50_ms` Nullable(Float64) COMMENT 'Milliseconds to the first chunk of a stream; NULL: none was streamed',
    `first_chunk_p95_ms` Nullable(Float64) COMMENT '95 of 100 took less, milliseconds; NULL: none was streamed',
    `output_tokens_per_s` Nullable(Float64) COMMENT 'Output tokens for a second of the calls; NULL: no output was reported'
)
AS SELECT
    tenant,
    toDateTime(toStartOfHour(started_at), 'UTC') AS hour,
    provider,
    model,
    count() AS calls,
    countIf(time_to_first_chunk_ns IS NOT NULL) AS streamed_calls,
    quantile(0.5)(duration_ns) / 1000000. AS p50_ms,
    quantile(0.95)(duration_ns) / 1000000. AS p95_ms,
    quantile(0.99)(duration_ns) / 1000000. AS p99_ms,
    quantile(0.5)(time_to_first_chunk_ns) / 1000000. AS first_chunk_p50_ms,
    quantile(0.95)(time_to_first_chunk_ns) / 1000000. AS first_chunk_p95_ms,
    (sum(output_tokens) / nullIf(sumIf(duration_ns, output_tokens IS NOT NULL), 0)) * 1000000000. AS output_tokens_per_s
FROM calls
WHERE (NOT failed) AND billable
GROUP BY
    tenant,
    hour,
    provider,
    model;

CREATE TABLE leases
(
    `name` LowCardinality(String) COMMENT 'What is done by one collector at a time',
    `term` String COMMENT 'Id of the claim: from its beginning through all its renewals',
    `holder` String COMMENT 'The collector that claims it: host and run',
    `claimed_at` DateTime64(6, 'UTC') COMMENT 'When the claim was made, by the clock of the store',
    `renewed_at` DateTime64(6, 'UTC') COMMENT 'When this version was written, by the clock of the store',
    `expires_at` DateTime64(6, 'UTC') COMMENT 'From when it does not count any more, unless it is renewed'
)
ENGINE = ReplacingMergeTree(renewed_at)
ORDER BY (name, claimed_at, term)
TTL toDateTime(expires_at) + toIntervalDay(1)
SETTINGS index_granularity = 8192;

CREATE TABLE limit_claims
(
    `tenant` LowCardinality(String) COMMENT 'Whose budget it is',
    `budget` LowCardinality(String) COMMENT 'Name of the budget',
    `value` String COMMENT 'Value of the dimension that the budget is for; empty: all of it',
    `collector` String COMMENT 'Id of the collector, another one after each start',
    `claimed_usd` Decimal(38, 12) COMMENT 'US dollars that only this collector may lend: leases that run, what was used and is not measured, and room for more',
    `written_at` DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When this version was written, by the clock of the store'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY (tenant, budget, value, collector)
TTL toDateTime(written_at) + toIntervalDay(1)
SETTINGS index_granularity = 8192;

CREATE TABLE log_records
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is, from the key it came with',
    `key` LowCardinality(String) COMMENT 'Public id of that key',
    `received_at` DateTime64(9, 'UTC') COMMENT 'When the collector had it on disk' CODEC(Delta(8), ZSTD(1)),
    `logged_at` DateTime64(9, 'UTC') COMMENT 'When it happened; else when it was observed' CODEC(Delta(8), ZSTD(1)),
    `severity_number` Int8 COMMENT 'OpenTelemetry SeverityNumber: 9 is INFO, 17 is ERROR',
    `severity_text` LowCardinality(String) COMMENT 'As the sender wrote it',
    `event_name` LowCardinality(String) COMMENT 'Field event_name, else the attribute event.name',
    `body` String COMMENT 'As text; what nests in base64 of its protobuf' CODEC(ZSTD(1)),
    `trace_id` FixedString(16) COMMENT 'Zero bytes: none' CODEC(ZSTD(1)),
    `span_id` FixedString(8) COMMENT 'Zero bytes: none' CODEC(ZSTD(1)),
    `scope_name` LowCardinality(String) COMMENT 'Instrumentation scope',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `attributes` Map(LowCardinality(String), String) COMMENT 'As text; a list joined by commas, what nests deeper in base64 of its protobuf' CODEC(ZSTD(1)),
    `resource` Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, as text' CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(logged_at)
ORDER BY (tenant, service, event_name, logged_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE metric_points
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is, from the key it came with',
    `key` LowCardinality(String) COMMENT 'Public id of that key',
    `received_at` DateTime64(9, 'UTC') COMMENT 'When the collector had it on disk' CODEC(Delta(8), ZSTD(1)),
    `metric` LowCardinality(String) COMMENT 'Name of the metric',
    `kind` LowCardinality(String) COMMENT 'gauge, sum, histogram, exponential_histogram, summary',
    `unit` LowCardinality(String) COMMENT 'Of the value, as the sender wrote it (UCUM)',
    `started_at` DateTime64(9, 'UTC') COMMENT 'Start of what a sum or a histogram covers' CODEC(Delta(8), ZSTD(1)),
    `measured_at` DateTime64(9, 'UTC') COMMENT 'When it was measured' CODEC(Delta(8), ZSTD(1)),
    `value` Float64 COMMENT 'Of a gauge or a sum; of the others the sum of their values' CODEC(ZSTD(1)),
    `count` UInt64 COMMENT 'Values in a histogram or summary' CODEC(ZSTD(1)),
    `buckets` Array(UInt64) COMMENT 'Values in each bucket of a histogram' CODEC(ZSTD(1)),
    `bounds` Array(Float64) COMMENT 'Upper bounds of the buckets but the last' CODEC(ZSTD(1)),
    `temporality` Int8 COMMENT '1 delta, 2 cumulative, 0 neither',
    `monotonic` Bool COMMENT 'A sum that only grows',
    `scope_name` LowCardinality(String) COMMENT 'Instrumentation scope',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `attributes` Map(LowCardinality(String), String) COMMENT 'As text; a list joined by commas, what nests deeper in base64 of its protobuf' CODEC(ZSTD(1)),
    `resource` Map(LowCardinality(String), String) COMMENT 'Attributes of the resource, as text' CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(measured_at)
ORDER BY (tenant, service, metric, measured_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE DICTIONARY model_by_name
(
    `regexp` String,
    `model` String
)
PRIMARY KEY regexp
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'model_rules'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(REGEXP_TREE);

CREATE TABLE model_patterns
(
    `book_at` DateTime64(3, 'UTC') COMMENT 'The book it belongs to',
    `id` UInt64 COMMENT 'Precedence: of the rules that match, the smallest id wins',
    `regexp` String COMMENT 'RE2, for provider:model in lower case',
    `model` String COMMENT 'Name in the price book; empty: of no model that is priced'
)
ENGINE = MergeTree
ORDER BY (book_at, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW model_rules
(
    `id` UInt64,
    `parent_id` UInt64,
    `regexp` String,
    `keys` Array(String),
    `values` Array(String)
)
AS SELECT
    id,
    toUInt64(0) AS parent_id,
    regexp,
    ['model'] AS keys,
    [model] AS `values`
FROM
(
    SELECT
        toUInt64(1) AS id,
        '^$' AS regexp,
        '' AS model
    UNION ALL
    SELECT
        id + 1 AS id,
        regexp,
        model
    FROM model_patterns
    WHERE book_at = (
        SELECT max(book_at)
        FROM price_books
    )
)
ORDER BY id ASC;

CREATE VIEW model_windows
(
    `name` String,
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `variants` Array(String),
    `weekday_masks` Array(UInt8),
    `start_minutes` Array(UInt16),
    `end_minutes` Array(UInt16)
)
AS SELECT
    concat(provider, ':', model) AS name,
    provider,
    model,
    groupArray(variant) AS variants,
    groupArray(weekdays) AS weekday_masks,
    groupArray(start_minute) AS start_minutes,
    groupArray(end_minute) AS end_minutes
FROM price_windows
WHERE book_at = (
    SELECT max(book_at)
    FROM price_books
)
GROUP BY
    provider,
    model;

CREATE VIEW models
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `day` Date COMMENT 'Day on which the calls started, UTC',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'As the price book names it; unknown ones as they came',
    `calls` Int64 COMMENT 'Model calls',
    `errors` Int64 COMMENT 'Of them, those that failed',
    `unpriced_calls` Int64 COMMENT 'Of them, those that used tokens at an unknown cost',
    `input_tokens` Int64 COMMENT 'Cached ones included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'Reasoning included',
    `cost_usd` Nullable(Decimal(38, 12)) COMMENT 'USD of the priced calls; NULL: none of the calls has a known price',
    `error_share` Float64 COMMENT 'Errors among the calls, 0 to 1',
    `cache_share` Float64 COMMENT 'Of the input, what was read from a cache, 0 to 1',
    `seconds_per_call` Float64 COMMENT 'Seconds from start to end, on average'
)
AS SELECT
    tenant,
    toDate(hour) AS day,
    provider,
    model,
    sum(spend.calls) AS calls,
    sum(spend.errors) AS errors,
    sum(spend.unpriced_calls) AS unpriced_calls,
    sum(spend.input_tokens) AS input_tokens,
    sum(spend.cache_read_tokens) AS cache_read_tokens,
    sum(spend.output_tokens) AS output_tokens,
    sum(spend.cost_usd) AS cost_usd,
    if(calls = 0, 0, errors / calls) AS error_share,
    if(input_tokens = 0, 0, cache_read_tokens / input_tokens) AS cache_share,
    if(calls = 0, 0, (sum(spend.duration_ns) / calls) / 1000000000.) AS seconds_per_call
FROM spend
GROUP BY
    tenant,
    day,
    provider,
    model;

CREATE MATERIALIZED VIEW normalise TO normalised
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` String,
    `kind` Int32,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int32,
    `status_message` String,
    `scope_name` String,
    `dialect` LowCardinality(String),
    `service` String,
    `environment` String,
    `is_call` UInt8,
    `operation` String,
    `provider` String,
    `request_model` String,
    `response_model` String,
    `response_id` String,
    `conversation_id` String,
    `user_id` String,
    `agent` String,
    `service_tier` String,
    `region` String,
    `stream` Bool,
    `finish_reasons` Array(String),
    `error_type` String,
    `time_to_first_chunk_ns` Nullable(UInt64),
    `input_tokens` Nullable(UInt64),
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `cache_write_1h_tokens` UInt64,
    `input_audio_tokens` UInt64,
    `input_image_tokens` UInt64,
    `output_tokens` Nullable(UInt64),
    `reasoning_tokens` UInt64,
    `output_audio_tokens` UInt64,
    `output_image_tokens` UInt64,
    `units` Map(String, UInt64),
    `usage_complete` Bool,
    `usage_fixups` Array(String),
    `reported_cost_usd` Nullable(Decimal(38, 12)),
    `reported_cost_source` String,
    `team` String,
    `feature` String,
    `customer` String,
    `tags` Map(String, String),
    `attributes` Map(String, String),
    `resource` Map(String, String),
    `events` Array(String),
    `links` Array(String)
)
AS SELECT
    tenant,
    key,
    received_at,
    trace_id,
    span_id,
    parent_span_id,
    trace_state,
    name,
    kind,
    started_at,
    duration_ns,
    status_code,
    status_message,
    scope_name,
    dialect,
    if((resource_attributes['service.name']) = '', 'unknown_service', resource_attributes['service.name']) AS service,
    if((resource_attributes['deployment.environment.name']) = '', resource_attributes['deployment.environment'], resource_attributes['deployment.environment.name']) AS environment,
    (operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank', 'image', 'audio', 'speech_to_text', 'text_to_speech', 'litellm.passthrough')) AND (kind_operation NOT IN ('invoke_agent', 'invoke_workflow', 'execute_tool', 'retrieval')) AND (name NOT IN ('Received Proxy Server Request', 'raw_gen_ai_request')) AND (((dialect != 'vercel_genai') AND (scope_name != 'gemini-cli')) OR isNotNull(input_whole) OR (status_code = 2)) AS is_call,
    operation,
    multiIf((provider_named != '') OR (operation = ''), provider_named, dialect = 'vllm', 'vllm', provider_of_host != '', provider_of_host, transform(extract(lower(request_model), '^(gpt-[0-9]|chatgpt-|o[1-9](?:-|$)|text-embedding-3|text-embedding-ada|claude-|gemini-|grok-|deepseek-|mistral-|codestral-|devstral-|magistral-|ministral-|command-|embed-v4|rerank-v)'), ['claude-', 'gemini-', 'grok-', 'deepseek-', 'mistral-', 'codestral-', 'devstral-', 'magistral-', 'ministral-', 'command-', 'embed-v4', 'rerank-v', ''], ['anthropic', 'gcp.gemini', 'x_ai', 'deepseek', 'mistral_ai', 'mistral_ai', 'mistral_ai', 'mistral_ai', 'mistral_ai', 'cohere', 'cohere', 'cohere', ''], 'openai')) AS provider,
    request_model,
    attribute_strings[indexOf(columns, 12)] AS response_model,
    attribute_strings[if(has(columns, 14), indexOf(columns, 14), indexOf(columns, 15))] AS response_id,
    attribute_strings[if(has(columns, 16), indexOf(columns, 16), indexOf(columns, 17))] AS conversation_id,
    attribute_strings[if(has(columns, 18), indexOf(columns, 18), indexOf(columns, 19))] AS user_id,
    attribute_strings[indexOf(columns, 31)] AS agent,
    multiIf(attribute_booleans[indexOf(columns, 8)], 'batch', (tier IN ('', 'default', 'auto', 'standard', 'standard_only', 'normal', 'on_demand')), 'standard', tier) AS service_tier,
    multiIf(has(columns, 7), lower(attribute_strings[indexOf(columns, 7)]), endsWith(host, '.api.openai.com'), substring(host, 1, 2), '') AS region,
    (attribute_booleans[indexOf(columns, 26)]) OR (lower(attribute_strings[indexOf(columns, 26)]) = 'true') OR endsWith(kind_word, '.dostream') AS stream,
    multiIf((attribute_types[indexOf(columns, 25)]) != 'string_value', attribute_lists[indexOf(columns, 25)], startsWith(attribute_strings[indexOf(columns, 25)], '['), JSONExtract(attribute_strings[indexOf(columns, 25)], 'Array(String)'), [attribute_strings[indexOf(columns, 25)]]) AS finish_reasons,
    attribute_strings[indexOf(columns, 23)] AS error_type,
    multiIf(has(columns, 28), accurateCastOrNull(round((attribute_doubles[indexOf(columns, 28)]) * 1000000000), 'UInt64'), has(columns, 29), accurateCastOrNull(round(((attribute_doubles[indexOf(columns, 29)]) + (attribute_integers[indexOf(columns, 29)])) * 1000000), 'UInt64'), has(columns, 30), accurateCastOrNull(toUnixTimestamp64Nano(parseDateTime64BestEffortOrNull(trimBoth(attribute_strings[indexOf(columns, 30)], '"'), 9, 'UTC')) - toUnixTimestamp64Nano(started_at), 'UInt64'), NULL) AS time_to_first_chunk_ns,
    input_whole AS input_tokens,
    if(cache_fits, cache_read_reported, 0) AS cache_read_tokens,
    if(cache_fits, cache_write_reported, 0) AS cache_write_tokens,
    least(cache_write_1h_reported, cache_write_tokens) AS cache_write_1h_tokens,
    if(input_parts_fit, input_audio_reported, 0) AS input_audio_tokens,
    if(input_parts_fit, input_image_reported, 0) AS input_image_tokens,
    output_whole AS output_tokens,
    if(output_parts_fit, reasoning_reported, 0) AS reasoning_tokens,
    if(output_parts_fit, output_audio_reported, 0) AS output_audio_tokens,
    if(output_parts_fit, output_image_reported, 0) AS output_image_tokens,
    if(empty(unit_places) AND (search_context = ''), CAST(map(), 'Map(String, UInt64)'), mapFromArrays(arrayConcat(arrayFilter((unit, count) -> isNotNull(count), unit_names, unit_counts), if(search_context = '', [], [concat('request_fee:', search_context)])), arrayConcat(arrayMap(count -> assumeNotNull(count), arrayFilter(count -> isNotNull(count), unit_counts)), if(search_context = '', [], [toUInt64(1)])))) AS units,
    NOT (has(columns, 27) AND (NOT (attribute_booleans[indexOf(columns, 27)]))) AS usage_complete,
    if(fixups = 0, [], arrayMap(place -> (['count_out_of_range', 'cache_exceeds_input', 'input_parts_exceed_input', 'output_parts_exceed_output', 'exclusive_input', 'exclusive_output', 'gateway_cache_hit', 'estimated'][place + 1]), bitPositionsToArray(fixups))) AS usage_fixups,
    multiIf(has(columns, 60), toDecimal128OrNull(attribute_strings[indexOf(columns, 60)], 12), has(columns, 61), if(upper(attribute_strings[indexOf(columns, 62)]) = 'USD', toDecimal128OrNull(toString(attribute_doubles[indexOf(columns, 61)]), 12), NULL), has(columns, 64), accurateCastOrNull(attribute_integers[indexOf(columns, 64)], 'Decimal(38, 12)') / 10000000000, has(columns, 63), nullIf(toDecimal128OrNull(multiIf((attribute_types[indexOf(columns, 63)]) = 'double_value', toString(attribute_doubles[indexOf(columns, 63)]), (attribute_types[indexOf(columns, 63)]) = 'int_value', toString(attribute_integers[indexOf(columns, 63)]), attribute_strings[indexOf(columns, 63)]), 12), if(dialect = 'openlit', 0, -1)), has(columns, 65), accurateCastOrNull(attribute_integers[indexOf(columns, 65)], 'Decimal(38, 12)') / 1000000, has(columns, 110), toDecimal128OrNull(JSONExtractRaw(attribute_strings[indexOf(columns, 110)], 'total'), 12), has(columns, 111), toDecimal128OrNull(JSONExtractRaw(attribute_strings[indexOf(columns, 111)], 'response_cost'), 12), NULL) AS reported_cost_usd,
    multiIf(has(columns, 24), attribute_strings[indexOf(columns, 24)], has(columns, 64), 'provider', NOT hasAny(columns, [60, 61, 63, 65, 110, 111]), '', dialect = 'litellm', 'gateway', 'client') AS reported_cost_source,
    all_tags['team'] AS team,
    all_tags['feature'] AS feature,
    all_tags['customer'] AS customer,
    all_tags AS tags,
    mapFromArrays(arrayFilter((attribute_key, keep) -> keep, attribute_keys, unmapped), arrayFilter((text, keep) -> keep, arrayMap((type, string, integer, double, boolean, list, bytes) -> if(type = 'string_value', string, multiIf(type = 'int_value', toString(integer), type = 'double_value', toString(double), type = 'bool_value', toString(boolean), type = 'array_value', toJSONString(list), type = 'unset', '', base64Encode(bytes))), attribute_types, attribute_strings, attribute_integers, attribute_doubles, attribute_booleans, attribute_lists, attribute_bytes), unmapped)) AS attributes,
    mapFilter((resource_key, value) -> (resource_key NOT IN ('service.name', 'deployment.environment.name')), resource_attributes) AS resource,
    events,
    links
FROM
(
    SELECT
        *,
        (cache_read_reported + cache_write_reported) <= ifNull(input_whole, 0) AS cache_fits,
        cache_fits AND ((((cache_read_reported + cache_write_reported) + input_audio_reported) + input_image_reported) <= ifNull(input_whole, 0)) AS input_parts_fit,
        ((reasoning_reported + output_audio_reported) + output_image_reported) <= ifNull(output_whole, 0) AS output_parts_fit,
        toUInt8((((((((1 * ifNull(arrayExists((column, count) -> (((column >= 40) AND (column <= 52)) AND isNull(count)), counted, counts) OR has(unit_counts, NULL), false)) + (2 * ifNull((NOT cache_fits) AND isNotNull(input_whole), false))) + (4 * ifNull(cache_fits AND (NOT input_parts_fit), false))) + (8 * ifNull((NOT output_parts_fit) AND isNotNull(output_whole), false))) + (16 * ifNull((input_whole != input_reported) OR (is_split AND (input_reported != coalesce(attribute_numbers[indexOf(arrayFilter(column -> ((column >= 40) AND (column <= 52)), columns), 40)], json_numbers[indexOf(json_columns, 100)]))), false))) + (32 * ifNull(output_whole != output_reported, false))) + (64 * ifNull((lower(attribute_strings[indexOf(columns, 66)]) = 'true') OR (attribute_booleans[indexOf(columns, 66)]), false))) + (128 * ifNull(attribute_booleans[indexOf(columns, 67)], false))) AS fixups,
        lower(attribute_strings[if(has(columns, 20), indexOf(columns, 20), indexOf(columns, 21))]) AS tier,
        mapFromArrays(arrayConcat(arrayMap(tag -> substring(tag, if(startsWith(tag, 'tollbook.tags.'), 15, length(tag_prefix) + 1)), arrayFilter((tag, is_one) -> is_one, attribute_keys, is_tag)), if(has(columns, 112), (JSONExtractKeysAndValues(attribute_strings[indexOf(columns, 112)], 'String')).1, []), if(has(columns, 113), ['tags'], [])), arrayConcat(arrayMap(value -> if(startsWith(value, '"'), JSONExtractString(value), value), arrayFilter((value, is_one) -> is_one, attribute_strings, is_tag)), if(has(columns, 112), (JSONExtractKeysAndValues(attribute_strings[indexOf(columns, 112)], 'String')).2, []), if(has(columns, 113), [if((attribute_types[indexOf(columns, 113)]) = 'array_value', arrayStringConcat(attribute_lists[indexOf(columns, 113)], ','), attribute_strings[indexOf(columns, 113)])], []))) AS all_tags,
        arrayMap((code, is_one) -> (((code = 0) OR (code >= 128)) AND (NOT is_one)), codes, is_tag) AS unmapped
    FROM
    (
        SELECT
            *,
            if(is_exclusive, (input_reported + cache_read_reported) + cache_write_reported, input_reported) + if((dialect = 'gemini_cli') OR (json_column = 103), ifNull(counts[indexOf(counted, 52)], 0), 0) AS input_whole,
            if((dialect IN ('xai', 'gemini_cli')) OR (json_column = 103), output_reported + reasoning_reported, output_reported) AS output_whole,
            arrayMap((attribute_key, column, string) -> bitAnd(bitAnd(column = 0, string != ''), bitOr(startsWith(attribute_key, 'tollbook.tags.'), bitAnd(tag_prefix != '', startsWith(attribute_key, tag_prefix)))), attribute_keys, columns, attribute_strings) AS is_tag
        FROM
        (
            SELECT
                *,
                counts[indexOf(counted, 40)] AS input_reported,
                ifNull(counts[indexOf(counted, 41)], 0) AS cache_read_reported,
                ifNull(counts[indexOf(counted, 43)], 0) AS cache_write_1h_reported,
                if(has(counted, 42), ifNull(counts[indexOf(counted, 42)], 0), cache_write_1h_reported + ifNull(counts[indexOf(counted, 50)], 0)) AS cache_write_reported,
                ifNull(counts[indexOf(counted, 44)], 0) AS input_audio_reported,
                ifNull(counts[indexOf(counted, 45)], 0) AS input_image_reported,
                counts[indexOf(counted, 46)] AS output_reported,
                ifNull(counts[indexOf(counted, 47)], 0) AS reasoning_reported,
                ifNull(counts[indexOf(counted, 48)], 0) AS output_audio_reported,
                ifNull(counts[indexOf(counted, 49)], 0) AS output_image_reported,
                multiIf(dialect = 'claude_code', 1, dialect = 'openlit', provider_named = 'anthropic', dialect = 'vercel', (NOT is_split) AND (NOT has(columns, 51)) AND ((provider_named = 'anthropic') OR ((provider_named = 'aws.bedrock') AND (position(request_model, 'claude') > 0))), 0) AS is_exclusive,
                arrayMap(number -> CAST(if((number >= 0) AND (number <= 1099511627776), number, NULL), 'Nullable(UInt64)'), arrayMap(place -> multiIf((attribute_types[place]) = 'int_value', attribute_integers[place], (attribute_types[place]) = 'double_value', accurateCastOrNull(round(attribute_doubles[place]), 'Int64'), toInt64OrNull(attribute_strings[place])), unit_places)) AS unit_counts,
                arrayMap(place -> if(((columns[place]) = 75) AND (image_detail != ''), concat('image:', image_detail), transform(columns[place], [70, 71, 72, 73, 74, 75, 76, 77], ['web_search', 'file_search', 'search_unit', 'audio_second', 'character', 'image', 'page', 'code_session'], '')), unit_places) AS unit_names,
                if((dialect = 'litellm') AND (json_column = 0), 'litellm.metadata.', transform(dialect, ['openllmetry', 'langfuse', 'langsmith', 'vercel', 'litellm'], ['traceloop.association.properties.', 'langfuse.trace.metadata.', 'langsmith.metadata.', 'ai.telemetry.metadata.', 'metadata.'], '')) AS tag_prefix
            FROM
            (
                SELECT
                    *,
                    arrayMap(number -> CAST(if((number >= 0) AND (number <= 1099511627776), number, NULL), 'Nullable(UInt64)'), numbers) AS counts,
                    if(arrayExists(column -> ((column >= 70) AND (column <= 77)), columns), arrayFilter((place, column) -> (((column >= 70) AND (column <= 77)) AND (indexOf(columns, column) = place)), arrayEnumerate(columns), columns), []) AS unit_places,
                    if(has(columns, 78), extract(lower(attribute_strings[indexOf(columns, 78)]), '^[a-z]{1,16}$'), '') AS search_context,
                    if(NOT has(columns, 75), '', extract(lower(arrayStringConcat(arrayFilter(word -> (word != ''), [attribute_strings[indexOf(columns, 79)], attribute_strings[indexOf(columns, 80)]]), '/')), '^[a-z0-9/.-]{1,40}$')) AS image_detail
                FROM understood
            )
        )
    )
);

CREATE TABLE normalised
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` LowCardinality(String),
    `kind` Int8,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int8,
    `status_message` String,
    `scope_name` LowCardinality(String),
    `dialect` LowCardinality(String),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `is_call` Bool,
    `operation` LowCardinality(String),
    `provider` LowCardinality(String),
    `request_model` LowCardinality(String),
    `response_model` LowCardinality(String),
    `response_id` String,
    `conversation_id` String,
    `user_id` String,
    `agent` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `region` LowCardinality(String),
    `stream` Bool,
    `finish_reasons` Array(LowCardinality(String)),
    `error_type` LowCardinality(String),
    `time_to_first_chunk_ns` Nullable(UInt64),
    `input_tokens` Nullable(UInt64),
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `cache_write_1h_tokens` UInt64,
    `input_audio_tokens` UInt64,
    `input_image_tokens` UInt64,
    `output_tokens` Nullable(UInt64),
    `reasoning_tokens` UInt64,
    `output_audio_tokens` UInt64,
    `output_image_tokens` UInt64,
    `units` Map(LowCardinality(String), UInt64),
    `usage_complete` Bool,
    `usage_fixups` Array(LowCardinality(String)),
    `reported_cost_usd` Nullable(Decimal(38, 12)),
    `reported_cost_source` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `tags` Map(LowCardinality(String), String),
    `attributes` Map(LowCardinality(String), String),
    `resource` Map(LowCardinality(String), String),
    `events` Array(String),
    `links` Array(String)
)
ENGINE = `Null`;

CREATE DICTIONARY original_of_copy
(
    `copy_key` UInt64,
    `dedup_of` String
)
PRIMARY KEY copy_key
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'copy_originals'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(HASHED());

CREATE VIEW outcomes
(
    `tenant` LowCardinality(String),
    `scored_at` DateTime64(9, 'UTC'),
    `outcome` String,
    `value` Nullable(Float64),
    `label` String,
    `trace_id` String,
    `judged_span_id` String,
    `response_id` String,
    `run` String,
    `service` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String)
)
AS SELECT
    tenant,
    started_at AS scored_at,
    spans.attributes['gen_ai.evaluation.name'] AS outcome,
    toFloat64OrNull(spans.attributes['gen_ai.evaluation.score.value']) AS value,
    spans.attributes['gen_ai.evaluation.score.label'] AS label,
    lower(hex(spans.trace_id)) AS trace_id,
    if(spans.parent_span_id = toFixedString('', 8), '', lower(hex(spans.parent_span_id))) AS judged_span_id,
    response_id,
    spans.attributes['tollbook.run.id'] AS run,
    service,
    team,
    feature,
    customer
FROM spans
WHERE (spans.attributes['gen_ai.evaluation.name']) != '';

CREATE MATERIALIZED VIEW price TO spans
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` LowCardinality(String),
    `kind` Int8,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int8,
    `status_message` String,
    `scope_name` LowCardinality(String),
    `dialect` LowCardinality(String),
    `service` String,
    `environment` LowCardinality(String),
    `is_call` Bool,
    `operation` LowCardinality(String),
    `provider` LowCardinality(String),
    `request_model` LowCardinality(String),
    `response_model` LowCardinality(String),
    `model` String,
    `response_id` String,
    `conversation_id` String,
    `user_id` String,
    `agent` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `region` LowCardinality(String),
    `stream` Bool,
    `finish_reasons` Array(LowCardinality(String)),
    `error_type` LowCardinality(String),
    `time_to_first_chunk_ns` Nullable(UInt64),
    `input_tokens` Nullable(UInt64),
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `cache_write_1h_tokens` UInt64,
    `input_audio_tokens` UInt64,
    `input_image_tokens` UInt64,
    `output_tokens` Nullable(UInt64),
    `reasoning_tokens` UInt64,
    `output_audio_tokens` UInt64,
    `output_image_tokens` UInt64,
    `units` Map(LowCardinality(String), UInt64),
    `usage_complete` Bool,
    `usage_fixups` Array(LowCardinality(String)),
    `cost_usd` Nullable(Decimal(38, 12)),
    `cost_basis` String,
    `price_id` String,
    `book_at` Nullable(DateTime64(3, 'UTC')),
    `price_status` String,
    `unpriced_reason` String,
    `reported_cost_usd` Nullable(Decimal(38, 12)),
    `reported_cost_source` LowCardinality(String),
    `team` String,
    `feature` String,
    `customer` String,
    `tags` Map(LowCardinality(String), String),
    `attributes` Map(LowCardinality(String), String),
    `resource` Map(LowCardinality(String), String),
    `events` Array(String),
    `links` Array(String)
)
AS WITH
    is_call AND (reason NOT IN ('', 'failed')) AND (reported_cost_source = 'provider') AND ifNull(reported_cost_usd >= 0, false) AS is_reported,
    (service_tier IN ('provisioned_throughput', 'reserved')) AND (NOT has_tier) AS is_committed
SELECT
    tenant,
    key,
    received_at,
    trace_id,
    span_id,
    parent_span_id,
    trace_state,
    name,
    kind,
    started_at,
    duration_ns,
    status_code,
    status_message,
    scope_name,
    dialect,
    if(empty(capped), service, capped[1]) AS service,
    environment,
    is_call,
    operation,
    provider,
    request_model,
    response_model,
    multiIf(NOT is_call, '', price_model != '', price_model, if(empty(capped), if(response_model != '', response_model, request_model), capped[2])) AS model,
    response_id,
    conversation_id,
    user_id,
    agent,
    service_tier,
    region,
    stream,
    finish_reasons,
    error_type,
    time_to_first_chunk_ns,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    cache_write_1h_tokens,
    input_audio_tokens,
    input_image_tokens,
    output_tokens,
    reasoning_tokens,
    output_audio_tokens,
    output_image_tokens,
    units,
    usage_complete,
    usage_fixups,
    multiIf(is_reported, reported_cost_usd, (NOT is_call) OR (reason != ''), NULL, is_committed OR has(usage_fixups, 'gateway_cache_hit'), toDecimal128(0, 12), computed_usd) AS cost_usd,
    multiIf(is_reported, 'reported', (NOT is_call) OR (reason != ''), '', ((card.13) > 0) OR is_committed, 'amortised', has(usage_fixups, 'estimated'), 'estimated', 'computed') AS cost_basis,
    if(is_call AND (reason = ''), card_id, '') AS price_id,
    if(is_call AND (reason = ''), card.15, NULL) AS book_at,
    multiIf(NOT is_call, '', is_reported, 'priced', reason != '', 'unpriced', has_tier OR is_committed, 'priced', 'tier_fallback') AS price_status,
    if(is_reported, '', reason) AS unpriced_reason,
    reported_cost_usd,
    reported_cost_source,
    if(empty(capped), team, capped[3]) AS team,
    if(empty(capped), feature, capped[4]) AS feature,
    if(empty(capped), customer, capped[5]) AS customer,
    tags,
    attributes,
    resource,
    events,
    links
FROM
(
    SELECT
        *,
        if(dictHas('kept_value', concat(tenant, '\0\0')), arrayMap((dimension, value) -> if(dictHas('kept_value', concat(tenant, '\0', dimension, '\0')) AND (NOT dictHas('kept_value', concat(tenant, '\0', dimension, '\0', value))), '(other)', value), ['service', 'model', 'team', 'feature', 'customer'], CAST([service, if(response_model != '', response_model, request_model), team, feature, customer], 'Array(String)')), []) AS capped,
        (if(is_measured AND (NOT (card.1)) AND (NOT (card.2)), toDecimal128(0, 12), if(((ifNull(input_tokens, 0) > 0) AND (NOT (card.1))) OR ((ifNull(output_tokens, 0) > 0) AND (NOT (card.2))), NULL, (((((((((toInt64((((ifNull(input_tokens, 0) - cache_read_tokens) - cache_write_tokens) - input_audio_tokens) - input_image_tokens) * (card.3)) + (toInt64(cache_read_tokens) * (card.4))) + (toInt64(cache_write_tokens - cache_write_1h_tokens) * (card.5))) + (toInt64(cache_write_1h_tokens) * (card.6))) + (toInt64(input_audio_tokens) * (card.7))) + (toInt64(input_image_tokens) * (card.8))) + (toInt64(((ifNull(output_tokens, 0) - reasoning_tokens) - output_audio_tokens) - output_image_tokens) * (card.9))) + (toInt64(reasoning_tokens) * (card.10))) + (toInt64(output_audio_tokens) * (card.11))) + (toInt64(output_image_tokens) * (card.12)))) + if(empty(unit_quantities), toDecimal128(0, 12), arraySum((quantity, rate_usd) -> (toInt64(quantity) * rate_usd), unit_quantities, unit_card.2))) + (toInt64(intDiv(duration_ns, 1000000)) * (card.13)) AS computed_usd,
        arrayExists((meter, quantity) -> ((quantity > 0) AND ((splitByChar(':', meter)[1]) NOT IN ('request_fee', 'web_search', 'file_search', 'code_session'))), unit_card.1, unit_quantities) AS is_measured,
        multiIf(NOT is_call, '', (status_code = 2) AND isNull(input_tokens) AND isNull(output_tokens), 'failed', (response_model = '') AND (request_model = ''), 'no_model', price_model = '', 'unknown_model', card_id = '', 'no_rate', bitTest(card.14, 0), 'no_exchange_rate', (card.13) > 0, '', (isNull(input_tokens) OR (isNull(output_tokens) AND (operation != 'embeddings'))) AND (NOT is_measured), 'no_usage', NOT usage_complete, 'usage_incomplete', hasAny(usage_fixups, ['count_out_of_range', 'cache_exceeds_input', 'input_parts_exceed_input', 'output_parts_exceed_output']), 'usage_inconsistent', isNull(computed_usd) OR arrayExists((unit, count) -> ((count > 0) AND (((splitByChar(':', unit)[1]) IN ('web_search', 'file_search', 'code_session')) OR (NOT ((card.1) OR (card.2)))) AND (NOT startsWith(unit, 'request_fee:')) AND (NOT has(unit_card.1, unit)) AND (NOT has(unit_card.1, splitByChar(':', unit)[1]))), mapKeys(units), mapValues(units)), 'no_rate', '') AS reason
    FROM
    (
        SELECT
            *,
            dictGet('rate_card_by_id', ('input_known', 'output_known', 'input_usd', 'cache_read_usd', 'cache_write_usd', 'cache_write_1h_usd', 'input_audio_usd', 'input_image_usd', 'output_usd', 'reasoning_usd', 'output_audio_usd', 'output_image_usd', 'millisecond_usd', 'remarks', 'book_at'), card_id) AS card,
            if(empty(units) AND (NOT bitTest(card.14, 1)), CAST(([], []), 'Tuple(Array(String), Array(Decimal(38, 12)))'), dictGet('unit_rates_by_card', ('meters', 'rates_usd'), card_id)) AS unit_card,
            arrayMap(meter -> if(meter = 'request_fee', toUInt64(NOT arrayExists(unit -> (startsWith(unit, 'request_fee:') AND has(unit_card.1, unit)), mapKeys(units))), arraySum((unit, count) -> if(((unit = meter) OR (((splitByChar(':', unit)[1]) = meter) AND (NOT has(unit_card.1, unit)))) AND (NOT ((isNotNull(input_tokens) OR isNotNull(output_tokens)) AND startsWith(meter, 'image'))), count, 0), mapKeys(units), mapValues(units))), unit_card.1) AS unit_quantities
        FROM
        (
            SELECT
                *,
                toDateTime(started_at, 'UTC') AS priced_at,
                CAST(concat(provider, ':', price_model), 'LowCardinality(String)') AS priced_name,
                if(dictHas('context_steps_by_model', priced_name), arrayMax(step -> if(step < ifNull(input_tokens, 0), step, 0), dictGet('context_steps_by_model', 'steps', priced_name)), 0) AS context_over,
                dictGet('rate_card_by_call', 'price_id', (provider, price_model, service_tier, context_over, ''), priced_at) AS tier_card_id,
                tier_card_id != '' AS has_tier,
                dictGet('windows_by_model', ('variants', 'weekday_masks', 'start_minutes', 'end_minutes'), priced_name) AS windows,
                multiIf(dictHas('windows_by_model', priced_name), (windows.1)[arrayFirstIndex((weekdays, start_minute, end_minute) -> (bitTest(weekdays, toDayOfWeek(priced_at) - 1) AND (((toHour(priced_at) * 60) + toMinute(priced_at)) >= start_minute) AND (((toHour(priced_at) * 60) + toMinute(priced_at)) < end_minute)), windows.2, windows.3, windows.4)], region != '', concat('region:', region), '') AS variant,
                if(variant = '', '', dictGet('rate_card_by_call', 'price_id', (provider, price_model, if(has_tier, service_tier, 'standard'), context_over, variant), priced_at)) AS variant_card_id,
                multiIf(variant_card_id != '', variant_card_id, has_tier OR (service_tier = 'standard'), tier_card_id, dictGet('rate_card_by_call', 'price_id', (provider, price_model, 'standard', context_over, ''), priced_at)) AS card_id
            FROM
            (
                SELECT
                    *,
                    dictGet('model_by_name', 'model', CAST(lower(concat(provider, ':', response_model)), 'LowCardinality(String)')) AS response_name,
                    dictGet('model_by_name', 'model', CAST(lower(concat(provider, ':', request_model)), 'LowCardinality(String)')) AS request_name,
                    if((response_model != '') AND (response_name != ''), response_name, request_name) AS price_model
                FROM normalised
            )
        )
    )
);

CREATE TABLE price_books
(
    `book_at` DateTime64(3, 'UTC') COMMENT 'When it was written: the version of the book',
    `sha256` String COMMENT 'Of its patterns and rates, in hexadecimal',
    `source` String COMMENT 'Where it comes from'
)
ENGINE = MergeTree
ORDER BY book_at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW price_cards
(
    `price_id` String,
    `classes_versions` Array(Array(String)),
    `rates_usd_versions` Array(Array(Decimal(38, 12))),
    `list_usd_versions` Array(Array(Decimal(38, 12)))
)
AS SELECT
    price_id,
    groupArray(classes) AS classes_versions,
    groupArray(rates_usd) AS rates_usd_versions,
    groupArray(list_usd) AS list_usd_versions
FROM
(
    SELECT
        price_id,
        classes,
        rates_usd,
        list_usd,
        max(book_at) AS last_book_at
    FROM
    (
        SELECT
            book_at,
            price_id,
            mapFromArrays(groupArray(toString(meter)), groupArray(rate_usd)) AS rate,
            mapFromArrays(groupArray(toString(meter)), groupArray(ifNull(rates.list_usd, rate_usd))) AS listed,
            ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond'] AS token_classes,
            arraySort(arrayFilter(meter_one -> ((NOT has(token_classes, meter_one)) AND (meter_one != 'unconverted')), mapKeys(rate))) AS unit_classes,
            arrayConcat(token_classes, unit_classes) AS classes,
            arrayConcat([rate['input'], if(mapContains(rate, 'cache_read'), rate['cache_read'], rate['input']), if(mapContains(rate, 'cache_write'), rate['cache_write'], rate['input']), multiIf(mapContains(rate, 'cache_write_1h'), rate['cache_write_1h'], mapContains(rate, 'cache_write'), rate['cache_write'], rate['input']), if(mapContains(rate, 'input_audio'), rate['input_audio'], rate['input']), if(mapContains(rate, 'input_image'), rate['input_image'], rate['input']), rate['output'], if(mapContains(rate, 'reasoning'), rate['reasoning'], rate['output']), if(mapContains(rate, 'output_audio'), rate['output_audio'], rate['output']), if(mapContains(rate, 'output_image'), rate['output_image'], rate['output']), rate['millisecond']], arrayMap(meter_one -> (rate[meter_one]), unit_classes)) AS rates_usd,
            arrayConcat([listed['input'], if(mapContains(listed, 'cache_read'), listed['cache_read'], listed['input']), if(mapContains(listed, 'cache_write'), listed['cache_write'], listed['input']), multiIf(mapContains(listed, 'cache_write_1h'), listed['cache_write_1h'], mapContains(listed, 'cache_write'), listed['cache_write'], listed['input']), if(mapContains(listed, 'input_audio'), listed['input_audio'], listed['input']), if(mapContains(listed, 'input_image'), listed['input_image'], listed['input']), listed['output'], if(mapContains(listed, 'reasoning'), listed['reasoning'], listed['output']), if(mapContains(listed, 'output_audio'), listed['output_audio'], listed['output']), if(mapContains(listed, 'output_image'), listed['output_image'], listed['output']), listed['millisecond']], arrayMap(meter_one -> (listed[meter_one]), unit_classes)) AS list_usd
        FROM rates
        WHERE book_at IN (
            SELECT price_books.book_at
            FROM price_books
        )
        GROUP BY
            book_at,
            price_id
    )
    GROUP BY
        price_id,
        classes,
        rates_usd,
        list_usd
    ORDER BY last_book_at DESC
)
GROUP BY price_id;

CREATE TABLE price_windows
(
    `book_at` DateTime64(3, 'UTC') COMMENT 'The book it belongs to',
    `provider` LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    `model` LowCardinality(String) COMMENT 'Name in the price book',
    `variant` LowCardinality(String) COMMENT 'Of the rates that hold then: window:peak',
    `weekdays` UInt8 COMMENT 'Bit 0 is Monday, bit 6 Sunday, UTC',
    `start_minute` UInt16 COMMENT 'Of the day, UTC',
    `end_minute` UInt16 COMMENT 'First minute after it'
)
ENGINE = MergeTree
ORDER BY (book_at, provider, model, variant, start_minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW prices
(
    `provider` LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    `model` LowCardinality(String) COMMENT 'Name in the price book',
    `service_tier` LowCardinality(String) COMMENT 'standard, batch, flex, priority, …',
    `context_over` UInt64 COMMENT 'Holds for calls with more input tokens than this',
    `variant` LowCardinality(String) COMMENT 'Region or hours for which it holds; empty: always',
    `valid_from` DateTime('UTC') COMMENT 'First second at which it holds, UTC',
    `valid_to` DateTime('UTC') COMMENT 'From when it no longer holds, UTC',
    `holds_now` Bool COMMENT 'Whether it holds at this moment',
    `input_usd_per_million` Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens of input; NULL: not known',
    `cache_read_usd_per_million` Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens read from a cache; NULL: not known',
    `cache_write_usd_per_million` Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens written to a cache; NULL: not known',
    `output_usd_per_million` Nullable(Decimal(38, 12)) COMMENT 'USD for a million tokens of output; NULL: not known',
    `price_id` String COMMENT 'Names the rate card in calls.price_id',
    `source` String COMMENT 'Where the rates are from'
)
AS SELECT
    provider,
    model,
    service_tier,
    context_over,
    variant,
    valid_from,
    valid_to,
    (valid_from <= now('UTC')) AND (now('UTC') < valid_to) AS holds_now,
    if(input_known, input_usd * 1000000, NULL) AS input_usd_per_million,
    if(input_known, cache_read_usd * 1000000, NULL) AS cache_read_usd_per_million,
    if(input_known, cache_write_usd * 1000000, NULL) AS cache_write_usd_per_million,
    if(output_known, output_usd * 1000000, NULL) AS output_usd_per_million,
    price_id,
    source
FROM rate_cards;

CREATE DICTIONARY rate_card_by_call
(
    `provider` String,
    `model` String,
    `service_tier` String,
    `context_over` UInt64,
    `variant` String,
    `valid_from` DateTime('UTC'),
    `last_second` DateTime('UTC'),
    `price_id` String
)
PRIMARY KEY provider, model, service_tier, context_over, variant
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'rate_cards'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(COMPLEX_KEY_RANGE_HASHED())
RANGE(MIN valid_from MAX last_second);

CREATE DICTIONARY rate_card_by_id
(
    `price_id` String,
    `book_at` DateTime64(3, 'UTC'),
    `input_known` Bool,
    `output_known` Bool,
    `input_usd` Decimal(38, 12),
    `cache_read_usd` Decimal(38, 12),
    `cache_write_usd` Decimal(38, 12),
    `cache_write_1h_usd` Decimal(38, 12),
    `input_audio_usd` Decimal(38, 12),
    `input_image_usd` Decimal(38, 12),
    `output_usd` Decimal(38, 12),
    `reasoning_usd` Decimal(38, 12),
    `output_audio_usd` Decimal(38, 12),
    `output_image_usd` Decimal(38, 12),
    `millisecond_usd` Decimal(38, 12),
    `remarks` UInt8
)
PRIMARY KEY price_id
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'rate_cards'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(COMPLEX_KEY_HASHED());

CREATE VIEW rate_cards
(
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `context_over` UInt64,
    `variant` LowCardinality(String),
    `valid_from` DateTime('UTC'),
    `valid_to` DateTime('UTC'),
    `last_second` DateTime('UTC'),
    `price_id` String,
    `book_at` DateTime64(3, 'UTC'),
    `input_known` UInt8,
    `output_known` UInt8,
    `input_usd` Decimal(38, 12),
    `cache_read_usd` Decimal(38, 12),
    `cache_write_usd` Decimal(38, 12),
    `cache_write_1h_usd` Decimal(38, 12),
    `input_audio_usd` Decimal(38, 12),
    `input_image_usd` Decimal(38, 12),
    `output_usd` Decimal(38, 12),
    `reasoning_usd` Decimal(38, 12),
    `output_audio_usd` Decimal(38, 12),
    `output_image_usd` Decimal(38, 12),
    `millisecond_usd` Decimal(38, 12),
    `unconverted` UInt8,
    `remarks` UInt32,
    `source` String
)
AS SELECT
    provider,
    model,
    service_tier,
    context_over,
    variant,
    valid_from,
    valid_to,
    valid_to - 1 AS last_second,
    any(rates.price_id) AS price_id,
    book_at,
    countIf(meter = 'input') > 0 AS input_known,
    countIf(meter = 'output') > 0 AS output_known,
    anyIf(rate_usd, meter = 'input') AS input_usd,
    if(countIf(meter = 'cache_read') > 0, anyIf(rate_usd, meter = 'cache_read'), input_usd) AS cache_read_usd,
    if(countIf(meter = 'cache_write') > 0, anyIf(rate_usd, meter = 'cache_write'), input_usd) AS cache_write_usd,
    if(countIf(meter = 'cache_write_1h') > 0, anyIf(rate_usd, meter = 'cache_write_1h'), cache_write_usd) AS cache_write_1h_usd,
    if(countIf(meter = 'input_audio') > 0, anyIf(rate_usd, meter = 'input_audio'), input_usd) AS input_audio_usd,
    if(countIf(meter = 'input_image') > 0, anyIf(rate_usd, meter = 'input_image'), input_usd) AS input_image_usd,
    anyIf(rate_usd, meter = 'output') AS output_usd,
    if(countIf(meter = 'reasoning') > 0, anyIf(rate_usd, meter = 'reasoning'), output_usd) AS reasoning_usd,
    if(countIf(meter = 'output_audio') > 0, anyIf(rate_usd, meter = 'output_audio'), output_usd) AS output_audio_usd,
    if(countIf(meter = 'output_image') > 0, anyIf(rate_usd, meter = 'output_image'), output_usd) AS output_image_usd,
    anyIf(rate_usd, meter = 'millisecond') AS millisecond_usd,
    countIf(meter = 'unconverted') > 0 AS unconverted,
    unconverted + (2 * (countIf(meter = 'request_fee') > 0)) AS remarks,
    any(rates.source) AS source
FROM rates
WHERE book_at = (
    SELECT max(book_at)
    FROM price_books
)
GROUP BY
    book_at,
    provider,
    model,
    service_tier,
    context_over,
    variant,
    valid_from,
    valid_to;

CREATE TABLE rates
(
    `book_at` DateTime64(3, 'UTC') COMMENT 'The book it belongs to',
    `price_id` String COMMENT 'Rate card: provider/model/tier/context/first day',
    `provider` LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    `model` LowCardinality(String) COMMENT 'Name in the price book',
    `service_tier` LowCardinality(String) COMMENT 'standard, flex, priority, fast, batch',
    `context_over` UInt64 COMMENT 'Holds for calls with more input tokens than this; 0: for all',
    `variant` LowCardinality(String) COMMENT 'region:us, window:peak, …: holds there or then; empty: else',
    `meter` LowCardinality(String) COMMENT 'input, cache_read, cache_write, cache_write_1h, input_audio, input_image, output, reasoning, output_audio, output_image; millisecond; beside tokens: request_fee, web_search, file_search, code_session, search_unit, audio_second, character, page, image, and these with a detail, as image:hd/1024x1024',
    `rate_usd` Decimal(38, 12) COMMENT 'USD per token, millisecond or unit',
    `list_usd` Nullable(Decimal(38, 12)) COMMENT 'USD per unit before a contract; NULL: there is none, it is rate_usd',
    `valid_from` DateTime('UTC') COMMENT 'First instant at which it holds, UTC',
    `valid_to` DateTime('UTC') COMMENT 'First instant at which it no longer holds',
    `source` LowCardinality(String) COMMENT 'Where it was read'
)
ENGINE = MergeTree
ORDER BY (book_at, provider, model, service_tier, context_over, valid_from, meter)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE reconciliations
(
    `tenant` LowCardinality(String) COMMENT 'Whose bill it is',
    `bill` String COMMENT 'SHA-256 of the files that were read together, in hexadecimal',
    `reconciled_at` DateTime64(6, 'UTC') COMMENT 'When they were compared',
    `day` Date COMMENT 'UTC',
    `provider` LowCardinality(String) COMMENT 'As the GenAI conventions name it',
    `model` LowCardinality(String) COMMENT 'Name in the price book; unknown ones as they came',
    `service_tier` LowCardinality(String) COMMENT 'standard, batch, flex, priority, …',
    `class` LowCardinality(String) COMMENT 'Class of tokens, as of token_charges, reasoning within output; total: all of them; other: no tokens',
    `our_quantity` Decimal(38, 12) COMMENT 'Tokens that were metered',
    `their_quantity` Nullable(Decimal(38, 12)) COMMENT 'Tokens that were billed; NULL: the bill has none',
    `our_cost_usd` Decimal(38, 12) COMMENT 'Cost of record of what was metered and has a price',
    `their_cost_usd` Nullable(Decimal(38, 12)) COMMENT 'Amount that was billed; NULL: the report has none'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, bill, reconciled_at, day, provider, model, service_tier, class)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE MATERIALIZED VIEW report_client_losses TO client_reports
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `instance` String,
    `service` LowCardinality(String),
    `sequence` UInt64,
    `reported_at` DateTime64(9, 'UTC'),
    `ended` UInt64,
    `delivered` UInt64,
    `lost` Map(String, UInt64)
)
AS SELECT
    tenant,
    key,
    resource['service.instance.id'] AS instance,
    service,
    ifNull(toUInt64OrNull(attributes['tollbook.report.sequence']), 0) AS sequence,
    received_at AS reported_at,
    ifNull(toUInt64OrNull(attributes['tollbook.report.ended']), 0) AS ended,
    ifNull(toUInt64OrNull(attributes['tollbook.report.delivered']), 0) AS delivered,
    CAST(arrayMap(pair -> (substring(pair.1, length('tollbook.report.lost.') + 1), ifNull(toUInt64OrNull(pair.2), 0)), arrayFilter(pair -> startsWith(pair.1, 'tollbook.report.lost.'), CAST(attributes, 'Array(Tuple(String, String))'))), 'Map(String, UInt64)') AS lost
FROM spans
WHERE name = 'tollbook.report';

CREATE TABLE roll_up_begins
(
    `roll_up` LowCardinality(String) COMMENT 'The table',
    `whole_from` SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'Spans that arrived before may be missing from it; 1970: none is'
)
ENGINE = AggregatingMergeTree
ORDER BY roll_up
SETTINGS index_granularity = 8192;

CREATE MATERIALIZED VIEW roll_up_behaviour TO behaviour_hourly
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `model` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `calls` UInt64,
    `latencies` Map(UInt16, UInt64),
    `first_chunks` Map(UInt16, UInt64),
    `inputs` Map(UInt16, UInt64),
    `outputs` Map(UInt16, UInt64),
    `finish_reasons` Map(String, UInt64),
    `response_models` Map(String, UInt64),
    `tools` Map(String, UInt64)
)
AS SELECT
    tenant,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    service,
    environment,
    model,
    team,
    feature,
    countIf(is_call) AS calls,
    sumMapIf(map(toUInt16(least(floor(log2(greatest(spans.duration_ns / 1000000, 1)) * 5), 200)), toUInt64(1)), is_call AND (status_code != 2)) AS latencies,
    sumMapIf(map(toUInt16(least(floor(log2(greatest(ifNull(spans.time_to_first_chunk_ns, 0) / 1000000, 1)) * 5), 200)), toUInt64(1)), is_call AND isNotNull(spans.time_to_first_chunk_ns)) AS first_chunks,
    sumMapIf(map(toUInt16(least(floor(log2(greatest(ifNull(spans.input_tokens, 0), 1)) * 5), 200)), toUInt64(1)), is_call AND isNotNull(spans.input_tokens)) AS inputs,
    sumMapIf(map(toUInt16(least(floor(log2(greatest(ifNull(spans.output_tokens, 0), 1)) * 5), 200)), toUInt64(1)), is_call AND isNotNull(spans.output_tokens)) AS outputs,
    sumMapIf(map(toString(spans.finish_reasons[1]), toUInt64(1)), is_call AND notEmpty(spans.finish_reasons)) AS finish_reasons,
    sumMapIf(map(toString(spans.response_model), toUInt64(1)), is_call AND (spans.response_model != '')) AS response_models,
    sumMapIf(map(attributes['gen_ai.tool.name'], toUInt64(1)), operation = 'execute_tool') AS tools
FROM spans
WHERE is_call OR (operation = 'execute_tool')
GROUP BY
    tenant,
    hour,
    service,
    environment,
    model,
    team,
    feature;

CREATE VIEW roll_up_differences
(
    `tenant` LowCardinality(String),
    `trace_id` String,
    `span_id` String,
    `started_at` DateTime64(9, 'UTC'),
    `service` String,
    `name` String,
    `operation` String,
    `agent` String,
    `input_tokens` Nullable(UInt64),
    `output_tokens` Nullable(UInt64),
    `calls` UInt64,
    `calls_input_tokens` UInt64,
    `calls_output_tokens` UInt64,
    `input_difference` Nullable(Int64),
    `output_difference` Nullable(Int64)
)
AS SELECT
    tenant,
    lower(hex(traces.trace_id)) AS trace_id,
    lower(hex(outer.1)) AS span_id,
    outer.2 AS started_at,
    outer.3 AS service,
    outer.4 AS name,
    outer.5 AS operation,
    outer.6 AS agent,
    outer.7 AS input_tokens,
    outer.8 AS output_tokens,
    toUInt64(arraySum(under)) AS calls,
    toUInt64(arraySum((tokens, is_under) -> if(is_under, tokens, 0), call_inputs, under)) AS calls_input_tokens,
    toUInt64(arraySum((tokens, is_under) -> if(is_under, tokens, 0), call_outputs, under)) AS calls_output_tokens,
    toInt64(outer.7) - toInt64(calls_input_tokens) AS input_difference,
    toInt64(outer.8) - toInt64(calls_output_tokens) AS output_difference
FROM
(
    SELECT
        *,
        arrayMap(position -> arrayExists(level -> ((level[position]) = (outer.1)), levels), arrayEnumerate(call_parents)) AS under
    FROM
    (
        SELECT
            *,
            (arrayFold((found, step) -> (arrayMap(parent -> (parents[indexOf(ids, parent)]), found.1), arrayPushBack(found.2, arrayMap(parent -> (parents[indexOf(ids, parent)]), found.1))), range(15), (call_parents, [call_parents]))).2 AS levels,
            arrayJoin(outers) AS outer
        FROM
        (
            SELECT
                tenant,
                trace_id,
                groupArray(span_id) AS ids,
                groupArray(parent_span_id) AS parents,
                groupArrayIf(parent_span_id, is_billable) AS call_parents,
                groupArrayIf(toUInt64(ifNull(spans.input_tokens, 0)), is_billable) AS call_inputs,
                groupArrayIf(toUInt64(ifNull(spans.output_tokens, 0)), is_billable) AS call_outputs,
                groupArrayIf((span_id, started_at, service, name, operation, agent, spans.input_tokens, spans.output_tokens), is_outer) AS outers
            FROM
            (
                SELECT
                    *,
                    (NOT is_call) AND (isNotNull(spans.input_tokens) OR isNotNull(spans.output_tokens)) AS is_outer,
                    is_call AND (cityHash64(tenant, trace_id, span_id, received_at) NOT IN (
                        SELECT copy_key
                        FROM copies
                    )) AS is_billable
                FROM spans
                WHERE (tenant, trace_id) IN (
                    SELECT
                        tenant,
                        trace_id
                    FROM spans
                    WHERE (NOT is_call) AND (isNotNull(spans.input_tokens) OR isNotNull(spans.output_tokens))
                )
            ) AS spans
            GROUP BY
                tenant,
                trace_id
        )
    )
) AS traces;

CREATE MATERIALIZED VIEW roll_up_entities TO entities
(
    `tenant` LowCardinality(String),
    `kind` String,
    `entity` String,
    `of` String,
    `first_call` DateTime('UTC'),
    `last_call` DateTime('UTC'),
    `calls` Int64
)
AS SELECT
    tenant,
    named.1 AS kind,
    named.2 AS entity,
    named.3 AS of,
    min(minute) AS first_call,
    max(minute) AS last_call,
    sum(series_minutely.calls) AS calls
FROM series_minutely
ARRAY JOIN arrayFilter(one -> ((one.2) != ''), [('key', toString(key), ''), ('model', toString(model), ''), ('response_model', toString(response_model), toString(model)), ('team', toString(team), ''), ('feature', toString(feature), ''), ('customer', toString(customer), ''), ('service', toString(service), ''), ('version', toString(version), toString(service)), ('run', toString(run), '')]) AS named
GROUP BY
    tenant,
    kind,
    entity,
    of;

CREATE MATERIALIZED VIEW roll_up_hours TO spend_hourly
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `operation` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `calls` UInt64,
    `errors` UInt64,
    `unpriced_calls` UInt64,
    `input_tokens` UInt64,
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `output_tokens` UInt64,
    `reasoning_tokens` UInt64,
    `duration_ns` UInt64,
    `cost_usd` Decimal(38, 12)
)
AS SELECT
    tenant,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf((price_status = 'unpriced') AND (unpriced_reason != 'failed')) AS unpriced_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(spans.cache_read_tokens) AS cache_read_tokens,
    sum(spans.cache_write_tokens) AS cache_write_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(spans.reasoning_tokens) AS reasoning_tokens,
    sum(spans.duration_ns) AS duration_ns,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd
FROM spans
WHERE is_call
GROUP BY
    tenant,
    hour,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier;

CREATE MATERIALIZED VIEW roll_up_minutes TO spend_minutely
(
    `tenant` LowCardinality(String),
    `minute` DateTime('UTC'),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `operation` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `calls` UInt64,
    `errors` UInt64,
    `unpriced_calls` UInt64,
    `input_tokens` UInt64,
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `output_tokens` UInt64,
    `reasoning_tokens` UInt64,
    `duration_ns` UInt64,
    `cost_usd` Decimal(38, 12)
)
AS SELECT
    tenant,
    toStartOfMinute(toDateTime(started_at, 'UTC')) AS minute,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf((price_status = 'unpriced') AND (unpriced_reason != 'failed')) AS unpriced_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(spans.cache_read_tokens) AS cache_read_tokens,
    sum(spans.cache_write_tokens) AS cache_write_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(spans.reasoning_tokens) AS reasoning_tokens,
    sum(spans.duration_ns) AS duration_ns,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd
FROM spans
WHERE is_call
GROUP BY
    tenant,
    minute,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier;

CREATE MATERIALIZED VIEW roll_up_runs TO run_parts
(
    `tenant` LowCardinality(String),
    `run_id` String,
    `run` String,
    `day` Date,
    `first_call` DateTime('UTC'),
    `last_call` DateTime('UTC'),
    `calls` UInt64,
    `errors` UInt64,
    `unpriced_calls` UInt64,
    `input_tokens` UInt64,
    `output_tokens` UInt64,
    `cost_usd` Decimal(38, 12),
    `shapes` AggregateFunction(uniqCombined(12), UInt64)
)
AS SELECT
    tenant,
    if((attributes['tollbook.run.id']) != '', attributes['tollbook.run.id'], lower(hex(trace_id))) AS run_id,
    if((attributes['tollbook.run.name']) != '', attributes['tollbook.run.name'], toString(agent)) AS run,
    min(toDate(started_at)) AS day,
    min(toDateTime(started_at, 'UTC')) AS first_call,
    max(toDateTime(started_at, 'UTC')) AS last_call,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    countIf((price_status = 'unpriced') AND (unpriced_reason != 'failed')) AS unpriced_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd,
    uniqCombinedState(12)(cityHash64(model, ifNull(spans.input_tokens, 0), ifNull(spans.output_tokens, 0))) AS shapes
FROM spans
WHERE is_call AND (((attributes['tollbook.run.id']) != '') OR (agent != ''))
GROUP BY
    tenant,
    run_id,
    run;

CREATE MATERIALIZED VIEW roll_up_series_hours TO series_hourly
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `key` LowCardinality(String),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `version` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `response_model` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `run` LowCardinality(String),
    `calls` Int64,
    `errors` Int64,
    `retries` Int64,
    `unpriced_calls` Int64,
    `estimated_calls` Int64,
    `fixed_calls` Int64,
    `input_tokens` Int64,
    `cache_read_tokens` Int64,
    `cache_write_tokens` Int64,
    `output_tokens` Int64,
    `reasoning_tokens` Int64,
    `duration_ns` Int64,
    `cost_usd` Decimal(38, 12)
)
AS SELECT
    tenant,
    toStartOfHour(minute) AS hour,
    key,
    service,
    environment,
    version,
    provider,
    model,
    response_model,
    team,
    feature,
    customer,
    run,
    sum(series_minutely.calls) AS calls,
    sum(series_minutely.errors) AS errors,
    sum(series_minutely.retries) AS retries,
    sum(series_minutely.unpriced_calls) AS unpriced_calls,
    sum(series_minutely.estimated_calls) AS estimated_calls,
    sum(series_minutely.fixed_calls) AS fixed_calls,
    sum(series_minutely.input_tokens) AS input_tokens,
    sum(series_minutely.cache_read_tokens) AS cache_read_tokens,
    sum(series_minutely.cache_write_tokens) AS cache_write_tokens,
    sum(series_minutely.output_tokens) AS output_tokens,
    sum(series_minutely.reasoning_tokens) AS reasoning_tokens,
    sum(series_minutely.duration_ns) AS duration_ns,
    sum(series_minutely.cost_usd) AS cost_usd
FROM series_minutely
GROUP BY
    tenant,
    hour,
    key,
    service,
    environment,
    version,
    provider,
    model,
    response_model,
    team,
    feature,
    customer,
    run;

CREATE MATERIALIZED VIEW roll_up_series_minutes TO series_minutely
(
    `tenant` LowCardinality(String),
    `minute` DateTime('UTC'),
    `key` LowCardinality(String),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `version` String,
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `response_model` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `run` String,
    `calls` UInt64,
    `errors` UInt64,
    `retries` UInt64,
    `unpriced_calls` UInt64,
    `estimated_calls` UInt64,
    `fixed_calls` UInt64,
    `input_tokens` UInt64,
    `cache_read_tokens` UInt64,
    `cache_write_tokens` UInt64,
    `output_tokens` UInt64,
    `reasoning_tokens` UInt64,
    `duration_ns` UInt64,
    `cost_usd` Decimal(38, 12)
)
AS SELECT
    tenant,
    toStartOfMinute(toDateTime(started_at, 'UTC')) AS minute,
    key,
    service,
    environment,
    resource['service.version'] AS version,
    provider,
    model,
    response_model,
    team,
    feature,
    customer,
    if((attributes['tollbook.run.name']) != '', attributes['tollbook.run.name'], agent) AS run,
    count() AS calls,
    countIf(status_code = 2) AS errors,
    sum(toUInt64OrZero(attributes['http.request.resend_count'])) AS retries,
    countIf((price_status = 'unpriced') AND (unpriced_reason != 'failed')) AS unpriced_calls,
    countIf((status_code != 2) AND ((NOT usage_complete) OR (isNull(spans.input_tokens) AND isNull(spans.output_tokens)))) AS estimated_calls,
    countIf(notEmpty(usage_fixups)) AS fixed_calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(spans.cache_read_tokens) AS cache_read_tokens,
    sum(spans.cache_write_tokens) AS cache_write_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens,
    sum(spans.reasoning_tokens) AS reasoning_tokens,
    sum(spans.duration_ns) AS duration_ns,
    sum(ifNull(spans.cost_usd, toDecimal128(0, 12))) AS cost_usd
FROM spans
WHERE is_call
GROUP BY
    tenant,
    minute,
    key,
    service,
    environment,
    version,
    provider,
    model,
    response_model,
    team,
    feature,
    customer,
    run;

CREATE MATERIALIZED VIEW roll_up_traces TO trace_parts
(
    `tenant` LowCardinality(String),
    `trace_id` FixedString(16),
    `hour` DateTime('UTC'),
    `spans` UInt64,
    `calls` UInt64,
    `unpriced_calls` UInt64,
    `cost_usd` Decimal(38, 12),
    `first_received` DateTime('UTC')
)
AS SELECT
    tenant,
    trace_id,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    count() AS spans,
    countIf(is_call) AS calls,
    countIf(is_call AND (price_status = 'unpriced') AND (unpriced_reason != 'failed')) AS unpriced_calls,
    sumIf(ifNull(spans.cost_usd, toDecimal128(0, 12)), is_call) AS cost_usd,
    min(toDateTime(received_at, 'UTC')) AS first_received
FROM spans
GROUP BY
    tenant,
    trace_id,
    hour;

CREATE TABLE run_parts
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `run_id` String COMMENT 'tollbook.run.id; else the trace of calls that name an agent',
    `run` LowCardinality(String) COMMENT 'Name of the agent task, else of the agent',
    `day` SimpleAggregateFunction(min, Date) COMMENT 'UTC day of its first call',
    `first_call` SimpleAggregateFunction(min, DateTime('UTC')) COMMENT 'Start of its first call',
    `last_call` SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'Start of its newest call',
    `calls` SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once',
    `errors` SimpleAggregateFunction(sum, Int64) COMMENT 'Calls that failed',
    `unpriced_calls` SimpleAggregateFunction(sum, Int64) COMMENT 'Calls that used tokens at an unknown cost; not counted before the column was there',
    `input_tokens` SimpleAggregateFunction(sum, Int64) COMMENT 'All input, cached and written to a cache included',
    `output_tokens` SimpleAggregateFunction(sum, Int64) COMMENT 'All output, reasoning included',
    `cost_usd` SimpleAggregateFunction(sum, Decimal(38, 12)) COMMENT 'Of the priced calls',
    `shapes` AggregateFunction(uniqCombined(12), UInt64) COMMENT 'Different calls, by model and tokens: far fewer than calls is a loop'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, run, run_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE VIEW runs
(
    `tenant` LowCardinality(String),
    `run_id` String,
    `run` LowCardinality(String),
    `first_call` SimpleAggregateFunction(min, DateTime('UTC')),
    `last_call` SimpleAggregateFunction(max, DateTime('UTC')),
    `calls` Int64,
    `errors` Int64,
    `unpriced_calls` Int64,
    `input_tokens` Int64,
    `output_tokens` Int64,
    `cost_usd` Nullable(Decimal(38, 12)),
    `different_calls` UInt64
)
AS SELECT
    tenant,
    run_id,
    run,
    min(run_parts.first_call) AS first_call,
    max(run_parts.last_call) AS last_call,
    sum(run_parts.calls) AS calls,
    sum(run_parts.errors) AS errors,
    sum(run_parts.unpriced_calls) AS unpriced_calls,
    sum(run_parts.input_tokens) AS input_tokens,
    sum(run_parts.output_tokens) AS output_tokens,
    if((sum(run_parts.unpriced_calls) > 0) AND (sum(run_parts.cost_usd) = 0), NULL, sum(run_parts.cost_usd)) AS cost_usd,
    uniqCombinedMerge(12)(shapes) AS different_calls
FROM run_parts
GROUP BY
    tenant,
    run_id,
    run;

CREATE TABLE saved_views
(
    `tenant` LowCardinality(String) COMMENT 'Whose it is',
    `name` String COMMENT 'What people call it; unique within a tenant',
    `query` String COMMENT 'The explorer\'s query string, as by=team&since=7d',
    `author` String COMMENT 'Who saved it last',
    `saved_at` DateTime64(3, 'UTC') COMMENT 'When, UTC',
    `removed` Bool COMMENT 'Whether it was taken away'
)
ENGINE = ReplacingMergeTree(saved_at)
ORDER BY (tenant, name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE savings
(
    `tenant` LowCardinality(String) COMMENT 'Whose calls',
    `found_at` DateTime64(3, 'UTC') COMMENT 'When they were searched, UTC; all rows of one search have the same',
    `since` DateTime('UTC') COMMENT 'Start of the calls that were looked at',
    `until` DateTime('UTC') COMMENT 'Their end, excluded',
    `kind` LowCardinality(String) COMMENT 'repeat: the same question of the same day, answered once; cache: the same question within five minutes, read from the provider\'s cache; tier: batch or flex; model: a cheaper one that the same feature uses; all: all calls that were looked at',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model that was called',
    `instead` LowCardinality(String) COMMENT 'Tier or model that they would have been made with; empty: the same',
    `calls` UInt64 COMMENT 'Calls that would have cost less',
    `cost_usd` Decimal(38, 12) COMMENT 'What they cost: of record for repeat, at the rates of today for the others',
    `would_usd` Decimal(38, 12) COMMENT 'What they would have cost, at the rates of today',
    `facts` Map(LowCardinality(String), Float64) COMMENT 'What speaks for and against it: shares of failed and cut off calls, output tokens a call, of both models',
    `examples` Array(String) COMMENT 'Some of the calls, as trace/span'
)
ENGINE = ReplacingMergeTree(found_at)
ORDER BY (tenant, kind, service, feature, provider, model, instead)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE TABLE schema_ledger
(
    `file` String COMMENT 'Folder and name, without .sql',
    `sha256` String COMMENT 'Of the text, in hexadecimal',
    `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY file
SETTINGS index_granularity = 8192;

CREATE TABLE series_hourly
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    `key` LowCardinality(String) COMMENT 'Public id of the key that they came with',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `version` LowCardinality(String) COMMENT 'service.version of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `response_model` LowCardinality(String) COMMENT 'Model that answered, as the provider names its version',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `run` LowCardinality(String) COMMENT 'Name of the agent task, else of the agent; empty: none',
    `calls` Int64 COMMENT 'Model calls, each response once',
    `errors` Int64 COMMENT 'Calls that failed',
    `retries` Int64 COMMENT 'Times that calls were sent again, as far as their spans say so',
    `unpriced_calls` Int64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    `estimated_calls` Int64 COMMENT 'Calls whose usage was not reported in full',
    `fixed_calls` Int64 COMMENT 'Calls whose reported usage had something wrong that was left out or repaired',
    `input_tokens` Int64 COMMENT 'All input, cached and written to a cache included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `cache_write_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'All output, reasoning included',
    `reasoning_tokens` Int64 COMMENT 'Of the output',
    `duration_ns` Int64 COMMENT 'Of all calls together',
    `cost_usd` Decimal(38, 12) COMMENT 'Of the priced calls'
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, key, service, environment, version, provider, model, response_model, team, feature, customer, run)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE TABLE series_minutely
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `minute` DateTime('UTC') COMMENT 'Start of the minute in which the calls started',
    `key` LowCardinality(String) COMMENT 'Public id of the key that they came with',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `version` LowCardinality(String) COMMENT 'service.version of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `response_model` LowCardinality(String) COMMENT 'Model that answered, as the provider names its version',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `run` LowCardinality(String) COMMENT 'Name of the agent task, else of the agent; empty: none',
    `calls` Int64 COMMENT 'Model calls, each response once',
    `errors` Int64 COMMENT 'Calls that failed',
    `retries` Int64 COMMENT 'Times that calls were sent again, as far as their spans say so',
    `unpriced_calls` Int64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    `estimated_calls` Int64 COMMENT 'Calls whose usage was not reported in full',
    `fixed_calls` Int64 COMMENT 'Calls whose reported usage had something wrong that was left out or repaired',
    `input_tokens` Int64 COMMENT 'All input, cached and written to a cache included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `cache_write_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'All output, reasoning included',
    `reasoning_tokens` Int64 COMMENT 'Of the output',
    `duration_ns` Int64 COMMENT 'Of all calls together',
    `cost_usd` Decimal(38, 12) COMMENT 'Of the priced calls'
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, minute, key, service, environment, version, provider, model, response_model, team, feature, customer, run)
TTL minute + toIntervalDay(35)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE TABLE series_profiles
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `built_on` Date COMMENT 'The day before which the 28 days lie',
    `dimensions` LowCardinality(String) COMMENT 'Names of the dimensions, with a comma between',
    `series` UInt64 COMMENT 'Number of the series among those of its dimensions',
    `calls_max` Array(Float64) COMMENT 'Most calls in an hour, by hour of the day from 0 to 23, UTC',
    `cost_max` Array(Float64) COMMENT 'Highest spend in an hour in USD, by hour of the day',
    `day_calls` Float64 COMMENT 'Most calls in a day',
    `day_cost` Float64 COMMENT 'Highest spend in a day in USD',
    `size_max` Float64 COMMENT 'Highest USD for a call, by day',
    `input_max` Float64 COMMENT 'Most input tokens for a call, by day',
    `price_max` Float64 COMMENT 'Highest USD for a weighted token, by day',
    `cache_min` Float64 COMMENT 'Smallest share of cached input tokens, by day',
    `error_max` Float64 COMMENT 'Largest share of failed calls, by day',
    `calls_mean` Float64 COMMENT 'Calls in an hour',
    `heard_share` Float64 COMMENT 'Share of hours with a call',
    `age_days` UInt16 COMMENT 'Days since its first call, at most 28',
    `input_growth` Float64 COMMENT 'By how much the input of a call, and of a token of answer, was above the nearest day of the same weekday on both of the last two days, as a logarithm; 0: it was not above all'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(built_on)
ORDER BY (tenant, built_on, dimensions, series)
TTL built_on + toIntervalDay(7)
SETTINGS index_granularity = 8192;

CREATE VIEW sessions
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `session` String COMMENT 'session.id or gen_ai.conversation.id, as the sender named it',
    `user_id` String COMMENT 'user.id of its calls; empty: none was named',
    `first_call` DateTime64(9, 'UTC') COMMENT 'When its first call started, UTC',
    `last_call` DateTime64(9, 'UTC') COMMENT 'When its newest call started, UTC',
    `calls` UInt64 COMMENT 'Model calls',
    `errors` UInt64 COMMENT 'Of them, those that failed',
    `unpriced_calls` UInt64 COMMENT 'Of them, those that used tokens at an unknown cost',
    `models` Array(String) COMMENT 'Models that were called, in order of their names',
    `input_tokens` UInt64 COMMENT 'Cached ones included',
    `output_tokens` UInt64 COMMENT 'Reasoning included',
    `cost_usd` Nullable(Decimal(38, 12)) COMMENT 'USD of the priced calls; NULL: none has a price'
)
AS SELECT
    tenant,
    conversation_id AS session,
    max(calls.user_id) AS user_id,
    min(started_at) AS first_call,
    max(started_at) AS last_call,
    count() AS calls,
    countIf(failed) AS errors,
    countIf((price_status = 'unpriced') AND (unpriced_reason != 'failed')) AS unpriced_calls,
    arraySort(groupUniqArray(toString(model))) AS models,
    sum(ifNull(calls.input_tokens, 0)) AS input_tokens,
    sum(ifNull(calls.output_tokens, 0)) AS output_tokens,
    sum(calls.cost_usd) AS cost_usd
FROM calls
WHERE billable AND (conversation_id != '')
GROUP BY
    tenant,
    session;

CREATE TABLE spans
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is, from the key it came with',
    `key` LowCardinality(String) COMMENT 'Public id of that key',
    `received_at` DateTime64(9, 'UTC') COMMENT 'When the collector had it on disk' CODEC(Delta(8), ZSTD(1)),
    `trace_id` FixedString(16) COMMENT 'Of the trace it belongs to' CODEC(ZSTD(1)),
    `span_id` FixedString(8) COMMENT 'Of this span' CODEC(NONE),
    `parent_span_id` FixedString(8) COMMENT 'Of the span it is part of; a root has zero bytes in spans, and an empty text in calls' CODEC(ZSTD(1)),
    `trace_state` String COMMENT 'W3C trace state' CODEC(ZSTD(1)),
    `name` LowCardinality(String) COMMENT 'Name of the span',
    `kind` Int8 COMMENT 'OpenTelemetry SpanKind: 3 is CLIENT',
    `started_at` DateTime64(9, 'UTC') COMMENT 'When it started, UTC' CODEC(Delta(8), ZSTD(1)),
    `duration_ns` UInt64 COMMENT 'From start to end' CODEC(T64, ZSTD(1)),
    `status_code` Int8 COMMENT '0 unset, 1 ok, 2 error',
    `status_message` String COMMENT 'What the sender said of an error' CODEC(ZSTD(1)),
    `scope_name` LowCardinality(String) COMMENT 'Instrumentation scope',
    `dialect` LowCardinality(String) COMMENT 'Who named its attributes: opentelemetry, openinference, langfuse, …; empty: not known',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `is_call` Bool COMMENT 'A model call that is billed by itself',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `request_model` LowCardinality(String) COMMENT 'Model asked for',
    `response_model` LowCardinality(String) COMMENT 'Model that answered',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `response_id` String COMMENT 'gen_ai.response.id: the provider\'s id of the answer' CODEC(ZSTD(1)),
    `conversation_id` String COMMENT 'gen_ai.conversation.id' CODEC(ZSTD(1)),
    `user_id` String COMMENT 'user.id' CODEC(ZSTD(1)),
    `agent` LowCardinality(String) COMMENT 'gen_ai.agent.name',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served: standard, flex, priority, …',
    `region` LowCardinality(String) COMMENT 'Where it was processed, if that may change its rate: us, eu, …; empty: anywhere',
    `stream` Bool COMMENT 'Whether the answer was streamed',
    `finish_reasons` Array(LowCardinality(String)) COMMENT 'Why the answer ended, one for each choice',
    `error_type` LowCardinality(String) COMMENT 'error.type: what failed',
    `time_to_first_chunk_ns` Nullable(UInt64) COMMENT 'From the start to the first chunk of a stream; NULL: not streamed' CODEC(T64, ZSTD(1)),
    `input_tokens` Nullable(UInt64) COMMENT 'All input, cached and written to a cache included; NULL: not reported' CODEC(T64, ZSTD(1)),
    `cache_read_tokens` UInt64 COMMENT 'Of the input' CODEC(T64, ZSTD(1)),
    `cache_write_tokens` UInt64 COMMENT 'Of the input, any lifetime' CODEC(T64, ZSTD(1)),
    `cache_write_1h_tokens` UInt64 COMMENT 'Of the cache writes, those with the long life: an hour, of OpenAI 12 hours' CODEC(T64, ZSTD(1)),
    `input_audio_tokens` UInt64 COMMENT 'Of the input that was not cached' CODEC(T64, ZSTD(1)),
    `input_image_tokens` UInt64 COMMENT 'Of the input that was not cached' CODEC(T64, ZSTD(1)),
    `output_tokens` Nullable(UInt64) COMMENT 'All output, reasoning included; NULL: not reported' CODEC(T64, ZSTD(1)),
    `reasoning_tokens` UInt64 COMMENT 'Of the output' CODEC(T64, ZSTD(1)),
    `output_audio_tokens` UInt64 COMMENT 'Of the output' CODEC(T64, ZSTD(1)),
    `output_image_tokens` UInt64 COMMENT 'Of the output' CODEC(T64, ZSTD(1)),
    `units` Map(LowCardinality(String), UInt64) COMMENT 'What is billed beside tokens, by unit: web_search, file_search, code_session, search_unit, audio_second, character, page, image; image:hd/1024x1024 is an image of that quality and size, request_fee:high the context that a search was to read' CODEC(ZSTD(1)),
    `usage_complete` Bool COMMENT 'False: the call ended before its usage was known in full',
    `usage_fixups` Array(LowCardinality(String)) COMMENT 'What was wrong with the reported usage, and so left out or repaired',
    `cost_usd` Nullable(Decimal(38, 12)) COMMENT 'Cost of record; NULL: unknown, never 0' CODEC(ZSTD(1)),
    `cost_basis` LowCardinality(String) COMMENT 'computed: usage times rates; reported: no rate is known, and the provider said what it charged; amortised: time of a machine of one\'s own; estimated: from usage that was estimated; empty: no cost',
    `price_id` LowCardinality(String) COMMENT 'Rate card it was priced with',
    `book_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Version of the price book that it was priced with; NULL: with none' CODEC(Delta(8), ZSTD(1)),
    `price_status` LowCardinality(String) COMMENT 'priced, tier_fallback, unpriced; empty: not a call',
    `unpriced_reason` LowCardinality(String) COMMENT 'failed, no_model, unknown_model, no_rate, no_exchange_rate, no_usage, usage_incomplete, usage_inconsistent; empty: priced',
    `reported_cost_usd` Nullable(Decimal(38, 12)) COMMENT 'Cost as the sender stated it, kept for comparison' CODEC(ZSTD(1)),
    `reported_cost_source` LowCardinality(String) COMMENT 'provider or local',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `tags` Map(LowCardinality(String), String) COMMENT 'All tags' CODEC(ZSTD(1)),
    `attributes` Map(LowCardinality(String), String) COMMENT 'Attributes that have no column' CODEC(ZSTD(1)),
    `resource` Map(LowCardinality(String), String) COMMENT 'Resource attributes that have no column' CODEC(ZSTD(1)),
    `events` Array(String) COMMENT 'OTLP Span.Event messages' CODEC(ZSTD(1)),
    `links` Array(String) COMMENT 'OTLP Span.Link messages' CODEC(ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_response response_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_arrival received_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(started_at)
ORDER BY (tenant, service, toStartOfHour(started_at), trace_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_bytes_for_wide_part = 134217728, auto_statistics_types = '', min_parts_to_merge_at_once = 30, merge_selector_base = 20;

CREATE VIEW spend
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `operation` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `calls` Int64,
    `errors` Int64,
    `unpriced_calls` Int64,
    `input_tokens` Int64,
    `cache_read_tokens` Int64,
    `cache_write_tokens` Int64,
    `output_tokens` Int64,
    `reasoning_tokens` Int64,
    `duration_ns` Int64,
    `copies` Int64,
    `cost_usd` Nullable(Decimal(38, 12))
)
AS SELECT
    tenant,
    hour,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    calls,
    errors,
    unpriced_calls,
    input_tokens,
    cache_read_tokens,
    cache_write_tokens,
    output_tokens,
    reasoning_tokens,
    duration_ns,
    copies,
    if((spend_hourly.unpriced_calls > 0) AND (spend_hourly.cost_usd = 0), NULL, spend_hourly.cost_usd) AS cost_usd
FROM spend_hourly;

CREATE TABLE spend_hourly
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which the calls started',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served',
    `calls` Int64 COMMENT 'Model calls, each response once',
    `errors` Int64 COMMENT 'Calls that failed',
    `unpriced_calls` Int64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    `input_tokens` Int64 COMMENT 'All input, cached and written to a cache included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `cache_write_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'All output, reasoning included',
    `reasoning_tokens` Int64 COMMENT 'Of the output',
    `duration_ns` Int64 COMMENT 'Of all calls together',
    `copies` Int64 COMMENT 'Copies of calls that were seen more than once and so are in none of the other columns',
    `cost_usd` Decimal(38, 12) COMMENT 'Of the priced calls',
    PROJECTION all_customers
    (
        SELECT
            tenant,
            hour,
            service,
            environment,
            provider,
            model,
            operation,
            team,
            feature,
            service_tier,
            sum(calls),
            sum(errors),
            sum(unpriced_calls),
            sum(input_tokens),
            sum(cache_read_tokens),
            sum(cache_write_tokens),
            sum(output_tokens),
            sum(reasoning_tokens),
            sum(duration_ns),
            sum(copies),
            sum(cost_usd)
        GROUP BY
            tenant,
            hour,
            service,
            environment,
            provider,
            model,
            operation,
            team,
            feature,
            service_tier
    )
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, hour, service, environment, provider, model, operation, team, feature, customer, service_tier)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10, deduplicate_merge_projection_mode = 'rebuild';

CREATE TABLE spend_minutely
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `minute` DateTime('UTC') COMMENT 'Start of the minute in which the calls started',
    `service` LowCardinality(String) COMMENT 'service.name of the resource',
    `environment` LowCardinality(String) COMMENT 'deployment.environment.name of the resource',
    `provider` LowCardinality(String) COMMENT 'gen_ai.provider.name',
    `model` LowCardinality(String) COMMENT 'Model as the price book names it; unknown ones as they came',
    `operation` LowCardinality(String) COMMENT 'gen_ai.operation.name',
    `team` LowCardinality(String) COMMENT 'Tag team',
    `feature` LowCardinality(String) COMMENT 'Tag feature',
    `customer` LowCardinality(String) COMMENT 'Tag customer',
    `service_tier` LowCardinality(String) COMMENT 'Tier that was served',
    `calls` Int64 COMMENT 'Model calls, each response once',
    `errors` Int64 COMMENT 'Calls that failed',
    `unpriced_calls` Int64 COMMENT 'Calls that used tokens at a cost that is unknown, and so not in cost_usd',
    `input_tokens` Int64 COMMENT 'All input, cached and written to a cache included',
    `cache_read_tokens` Int64 COMMENT 'Of the input',
    `cache_write_tokens` Int64 COMMENT 'Of the input',
    `output_tokens` Int64 COMMENT 'All output, reasoning included',
    `reasoning_tokens` Int64 COMMENT 'Of the output',
    `duration_ns` Int64 COMMENT 'Of all calls together',
    `copies` Int64 COMMENT 'Copies of calls that were seen more than once and so are in none of the other columns',
    `cost_usd` Decimal(38, 12) COMMENT 'Of the priced calls'
)
ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (tenant, minute, service, environment, provider, model, operation, team, feature, customer, service_tier)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192, min_parts_to_merge_at_once = 10;

CREATE TABLE store_copies
(
    `source` String COMMENT 'Names the store that is copied: the UUID of its schema_ledger',
    `event` LowCardinality(String) COMMENT 'started, part, or finished',
    `table_name` LowCardinality(String) COMMENT 'Of a part: the table; else empty',
    `day` Date COMMENT 'Of a part: the UTC day of its rows; 1970-01-01: the table is copied as a whole',
    `slice` UInt32 COMMENT 'Of a part: which slice of that day, from 0',
    `slices` UInt32 COMMENT 'Of a part: into how many the day was cut',
    `rows` UInt64 COMMENT 'Of a part: its rows in the source',
    `at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was done'
)
ENGINE = MergeTree
ORDER BY (source, event, table_name, day, slice)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192;

CREATE VIEW teams
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `day` Date COMMENT 'Day on which the calls started, UTC',
    `team` LowCardinality(String) COMMENT 'Tag team; empty: none',
    `feature` LowCardinality(String) COMMENT 'Tag feature; empty: none',
    `customer` LowCardinality(String) COMMENT 'Tag customer; empty: none',
    `calls` Int64 COMMENT 'Model calls',
    `errors` Int64 COMMENT 'Of them, those that failed',
    `unpriced_calls` Int64 COMMENT 'Of them, those that used tokens at an unknown cost',
    `input_tokens` Int64 COMMENT 'Cached ones included',
    `output_tokens` Int64 COMMENT 'Reasoning included',
    `cost_usd` Nullable(Decimal(38, 12)) COMMENT 'USD of the priced calls; NULL: none of the calls has a known price'
)
AS SELECT
    tenant,
    toDate(hour) AS day,
    team,
    feature,
    customer,
    sum(spend.calls) AS calls,
    sum(spend.errors) AS errors,
    sum(spend.unpriced_calls) AS unpriced_calls,
    sum(spend.input_tokens) AS input_tokens,
    sum(spend.output_tokens) AS output_tokens,
    sum(spend.cost_usd) AS cost_usd
FROM spend
GROUP BY
    tenant,
    day,
    team,
    feature,
    customer;

CREATE VIEW token_charges
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `service` LowCardinality(String),
    `environment` LowCardinality(String),
    `team` LowCardinality(String),
    `feature` LowCardinality(String),
    `customer` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `operation` LowCardinality(String),
    `service_tier` LowCardinality(String),
    `price_id` String,
    `class` String,
    `quantity` UInt64,
    `unit_price_usd` Nullable(Decimal(38, 12)),
    `list_unit_price_usd` Nullable(Decimal(38, 12)),
    `effective_cost_usd` Decimal(38, 12),
    `contracted_cost_usd` Decimal(38, 12),
    `list_cost_usd` Decimal(38, 12),
    `billed_cost_usd` Decimal(38, 12),
    `calls` UInt64
)
AS SELECT
    tenant,
    hour,
    service,
    environment,
    team,
    feature,
    customer,
    provider,
    model,
    operation,
    service_tier,
    price_id,
    line.1 AS class,
    line.2 AS quantity,
    line.3 AS unit_price_usd,
    line.4 AS list_unit_price_usd,
    line.5 AS effective_cost_usd,
    line.5 AS contracted_cost_usd,
    line.6 AS list_cost_usd,
    if(class = 'millisecond', toDecimal128(0, 12), effective_cost_usd) AS billed_cost_usd,
    calls
FROM
(
    SELECT
        tenant,
        hour,
        service,
        environment,
        team,
        feature,
        customer,
        provider,
        model,
        operation,
        service_tier,
        price_id,
        calls,
        arrayJoin(if(version = 0, [tuple('request', calls, CAST(NULL, 'Nullable(Decimal(38, 12))'), CAST(NULL, 'Nullable(Decimal(38, 12))'), cost_usd, cost_usd)], arrayFilter(one -> ((one.2) > 0), arrayMap((class_name, quantity_one, rate_usd, listed_usd) -> tuple(class_name, toUInt64(quantity_one), CAST(rate_usd, 'Nullable(Decimal(38, 12))'), CAST(listed_usd, 'Nullable(Decimal(38, 12))'), quantity_one * rate_usd, quantity_one * listed_usd), classes, quantities, rates_usd, list_usd)))) AS line
    FROM
    (
        SELECT
            tenant,
            hour,
            service,
            environment,
            team,
            feature,
            customer,
            provider,
            model,
            operation,
            service_tier,
            price_id,
            version,
            classes,
            rates_usd,
            list_usd,
            sumForEach(call_quantities) AS quantities,
            sum(call_cost_usd) AS cost_usd,
            count() AS calls
        FROM
        (
            SELECT
                *,
                arrayMap(classes_one -> arrayConcat(call_token_quantities, arrayMap(quantity_one -> toInt64(quantity_one), arrayMap(meter -> if(meter = 'request_fee', toUInt64(NOT arrayExists(unit -> (startsWith(unit, 'request_fee:') AND has(arraySlice(classes_one, 12), unit)), mapKeys(units))), arraySum((unit, count) -> if(((unit = meter) OR (((splitByChar(':', unit)[1]) = meter) AND (NOT has(arraySlice(classes_one, 12), unit)))) AND (NOT (has_tokens AND startsWith(meter, 'image'))), count, 0), mapKeys(units), mapValues(units))), arraySlice(classes_one, 12)))), classes_versions) AS quantities_versions,
                arrayFirstIndex((quantities_one, rates_usd_one) -> (arraySum(arrayMap((quantity_one, rate_usd) -> (quantity_one * rate_usd), quantities_one, rates_usd_one)) = call_cost_usd), quantities_versions, rates_usd_versions) AS version,
                quantities_versions[version] AS call_quantities,
                classes_versions[version] AS classes,
                rates_usd_versions[version] AS rates_usd,
                list_usd_versions[version] AS list_usd
            FROM
            (
                SELECT
                    tenant,
                    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
                    service,
                    environment,
                    team,
                    feature,
                    customer,
                    provider,
                    model,
                    operation,
                    service_tier,
                    calls.price_id AS price_id,
                    assumeNotNull(calls.cost_usd) AS call_cost_usd,
                    [toInt64((((ifNull(calls.input_tokens, 0) - calls.cache_read_tokens) - calls.cache_write_tokens) - calls.input_audio_tokens) - calls.input_image_tokens), toInt64(calls.cache_read_tokens), toInt64(calls.cache_write_tokens - calls.cache_write_1h_tokens), toInt64(calls.cache_write_1h_tokens), toInt64(calls.input_audio_tokens), toInt64(calls.input_image_tokens), toInt64(((ifNull(calls.output_tokens, 0) - calls.reasoning_tokens) - calls.output_audio_tokens) - calls.output_image_tokens), toInt64(calls.reasoning_tokens), toInt64(calls.output_audio_tokens), toInt64(calls.output_image_tokens), toInt64(intDiv(calls.duration_ns, 1000000))] AS token_quantities,
                    if(endsWith(calls.price_id, '/hosted'), arrayConcat(arrayMap(one -> toInt64(0), arraySlice(token_quantities, 1, 10)), [token_quantities[11]]), arrayConcat(arraySlice(token_quantities, 1, 10), [toInt64(0)])) AS call_token_quantities,
                    calls.units AS units,
                    isNotNull(calls.input_tokens) OR isNotNull(calls.output_tokens) AS has_tokens,
                    price_cards.classes_versions AS classes_versions,
                    price_cards.rates_usd_versions AS rates_usd_versions,
                    price_cards.list_usd_versions AS list_usd_versions
                FROM calls
                LEFT JOIN price_cards ON price_cards.price_id = calls.price_id
                WHERE isNotNull(calls.cost_usd)
            )
        )
        GROUP BY
            tenant,
            hour,
            service,
            environment,
            team,
            feature,
            customer,
            provider,
            model,
            operation,
            service_tier,
            price_id,
            version,
            classes,
            rates_usd,
            list_usd
    )
);

CREATE TABLE trace_parts
(
    `tenant` LowCardinality(String) COMMENT 'Whose data it is',
    `trace_id` FixedString(16) COMMENT 'Of the trace' CODEC(NONE),
    `hour` DateTime('UTC') COMMENT 'Start of the hour in which these spans of it started',
    `spans` SimpleAggregateFunction(sum, Int64) COMMENT 'All spans, also those that are no model call',
    `calls` SimpleAggregateFunction(sum, Int64) COMMENT 'Model calls, each response once',
    `unpriced_calls` SimpleAggregateFunction(sum, Int64) COMMENT 'Calls that used tokens at an unknown cost',
    `cost_usd` SimpleAggregateFunction(sum, Decimal(38, 12)) COMMENT 'Of the priced calls' CODEC(ZSTD(1)),
    `first_received` SimpleAggregateFunction(min, DateTime('UTC')) COMMENT 'When the collector had the first of these spans on disk' CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, trace_id, hour)
SETTINGS index_granularity = 512, min_parts_to_merge_at_once = 0, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 3;

CREATE MATERIALIZED VIEW understand TO understood
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` String,
    `kind` Int32,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int32,
    `status_message` String,
    `scope_name` String,
    `scope_version` String,
    `resource_attributes` Map(String, String),
    `attribute_keys` Array(String),
    `attribute_types` Array(Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)),
    `attribute_strings` Array(String),
    `attribute_integers` Array(Int64),
    `attribute_doubles` Array(Float64),
    `attribute_booleans` Array(Bool),
    `attribute_lists` Array(Array(String)),
    `attribute_bytes` Array(String),
    `events` Array(String),
    `links` Array(String),
    `codes` Array(UInt8),
    `columns` Array(UInt8),
    `attribute_numbers` Array(Nullable(Int64)),
    `json_column` UInt8,
    `json_columns` Array(UInt8),
    `json_numbers` Array(Int64),
    `is_split` UInt8,
    `counted` Array(UInt8),
    `numbers` Array(Nullable(Int64)),
    `dialect` String,
    `kind_word` String,
    `kind_operation` String,
    `operation` String,
    `provider_named` String,
    `provider_of_host` String,
    `host` String,
    `request_model` String
)
AS SELECT
    tenant,
    key,
    received_at,
    trace_id,
    span_id,
    parent_span_id,
    trace_state,
    name,
    kind,
    started_at,
    duration_ns,
    status_code,
    status_message,
    scope_name,
    scope_version,
    resource_attributes,
    attribute_keys,
    attribute_types,
    attribute_strings,
    attribute_integers,
    attribute_doubles,
    attribute_booleans,
    attribute_lists,
    attribute_bytes,
    events,
    links,
    codes,
    columns,
    attribute_numbers,
    json_column,
    json_columns,
    json_numbers,
    is_split,
    counted,
    numbers,
    dialect,
    kind_word,
    kind_operation,
    operation,
    provider_named,
    provider_of_host,
    host,
    request_model
FROM
(
    SELECT
        *,
        has(json_columns, 100) AND (NOT has(json_columns, 40)) AS is_split,
        if(json_column = 0, number_columns, arrayConcat(if(is_split, [40], []), if(has(json_columns, 106) AND (NOT has(json_columns, 46)), [46], []), arrayMap(column -> transform(column, [101, 102, 104, 107], [41, 42, 44, 47], column), json_columns), number_columns)) AS counted,
        if(json_column = 0, attribute_numbers, arrayConcat(if(is_split, [arraySum((number, column) -> if((column >= 100) AND (column <= 104), number, 0), json_numbers, json_columns)], []), if(has(json_columns, 106) AND (NOT has(json_columns, 46)), [arraySum((number, column) -> if((column IN (106, 107)), number, 0), json_numbers, json_columns)], []), json_numbers, attribute_numbers)) AS numbers
    FROM
    (
        SELECT
            *,
            if(json_column = 0, [], arrayMap(pair -> CAST(transform(pair[1], ['prompt_tokens', 'prompt_token_count', 'cached_tokens', 'cached_content_token_count', 'cache_read', 'cache_write_tokens', 'cache_creation', 'ephemeral_1h_input_tokens', 'completion_tokens', 'output_tokens', 'candidates_token_count', 'reasoning_tokens', 'thoughts_token_count', 'reasoning', 'tool_use_prompt_token_count', 'input_tokens', 'input', 'cache_read_input_tokens', 'cacheReadInputTokens', 'input_cached_tokens', 'input_cache_read', 'input_cache_read_tokens', 'cache_read_tokens', 'cache_creation_input_tokens', 'cacheCreationInputTokens', 'input_cache_creation', 'input_cache_write', 'input_cache_creation_tokens', 'cache_creation_tokens', 'input_audio', 'input_audio_tokens', 'output', 'output_reasoning', 'output_reasoning_tokens'], [40, 40, 41, 41, 41, 42, 42, 43, 46, 46, 46, 47, 47, 47, 52, 100, 100, 101, 101, 101, 101, 101, 101, 102, 102, 102, 102, 102, 102, 104, 104, 106, 107, 107], 0), 'UInt8'), json_pairs)) AS json_columns,
            if(json_column = 0, [], arrayMap(pair -> toInt64(pair[2]), json_pairs)) AS json_numbers,
            if((provider_known = '') AND (host != ''), transform(extract(host, '(api\\.openai\\.com|openai\\.azure\\.com|services\\.ai\\.azure\\.com|inference\\.ai\\.azure\\.com|api\\.anthropic\\.com|generativelanguage\\.googleapis\\.com|api\\.x\\.ai|api\\.groq\\.com|api\\.mistral\\.ai|api\\.deepseek\\.com|api\\.perplexity\\.ai|api\\.moonshot\\.(?:ai|cn)|api\\.cohere\\.(?:com|ai)|openrouter\\.ai|aiplatform\\.googleapis\\.com|^bedrock)(?:$|[^/]*\\.(?:amazonaws\\.com|api\\.aws)$)'), ['api.openai.com', 'openai.azure.com', 'services.ai.azure.com', 'inference.ai.azure.com', 'api.anthropic.com', 'generativelanguage.googleapis.com', 'api.x.ai', 'api.groq.com', 'api.mistral.ai', 'api.deepseek.com', 'api.perplexity.ai', 'api.moonshot.ai', 'api.moonshot.cn', 'api.cohere.com', 'api.cohere.ai', 'openrouter.ai', 'aiplatform.googleapis.com', 'bedrock'], ['openai', 'azure.ai.openai', 'azure.ai.inference', 'azure.ai.inference', 'anthropic', 'gcp.gemini', 'x_ai', 'groq', 'mistral_ai', 'deepseek', 'perplexity', 'moonshot_ai', 'moonshot_ai', 'cohere', 'cohere', 'openrouter', 'gcp.vertex_ai', 'aws.bedrock'], ''), '') AS provider_of_host,
            if(operation_named != '', transform(operation_named, ['llm', 'generation', 'decision', 'llm_request', 'llm_call', 'acompletion', 'completion', 'atext_completion', 'aresponses', 'responses', 'embedding', 'aembedding', 'reranker', 'arerank', 'agent', 'tool', 'retriever', 'chain', 'workflow', 'task', 'ai.generatetext.dogenerate', 'ai.streamtext.dostream', 'ai.generateobject.dogenerate', 'ai.streamobject.dostream', 'ai.embed.doembed', 'ai.embedmany.doembed', 'ai.generatetext', 'ai.streamtext', 'ai.generateobject', 'ai.streamobject', 'ai.embed', 'ai.embedmany', 'claude_code.llm_request', 'claude_code.api_request', 'gemini_cli.api_response', 'response.completed', 'call_llm'], ['chat', 'chat', 'chat', 'chat', 'chat', 'chat', 'text_completion', 'text_completion', 'chat', 'chat', 'embeddings', 'embeddings', 'rerank', 'rerank', 'invoke_agent', 'execute_tool', 'retrieval', 'invoke_workflow', 'invoke_workflow', 'invoke_workflow', 'chat', 'chat', 'chat', 'chat', 'embeddings', 'embeddings', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'chat', 'chat', 'chat', 'chat', 'chat'], operation_named), kind_operation) AS operation,
            if((dialect = 'vercel') AND (provider_known = provider_raw), transform(splitByChar('.', provider_raw)[1], ['azure', 'azure_openai', 'azure-openai', 'az.ai.openai', 'az.ai.inference', 'azure_ai', 'anthropic.messages', 'vertex_ai', 'vertexai', 'google_vertexai', 'google.vertex', 'google-vertex', 'gcp.vertex.agent', 'vertex_ai_beta', 'gemini', 'google', 'google_ai_studio', 'google.generative-ai', 'google-gla', 'bedrock', 'aws', 'aws_bedrock', 'amazon-bedrock', 'bedrock_converse', 'xai', 'x-ai', 'grok', 'mistral', 'mistralai', 'moonshot', 'moonshotai', 'watsonx', 'ibm.watson.ai', 'together', 'together-ai', 'fireworks', 'fireworks-ai', 'hosted_vllm', 'cohere_chat', 'hugging_face'], ['azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'azure.ai.inference', 'anthropic', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'x_ai', 'x_ai', 'x_ai', 'mistral_ai', 'mistral_ai', 'moonshot_ai', 'moonshot_ai', 'ibm.watsonx.ai', 'ibm.watsonx.ai', 'together_ai', 'together_ai', 'fireworks_ai', 'fireworks_ai', 'vllm', 'cohere', 'huggingface'], splitByChar('.', provider_raw)[1]), provider_known) AS provider_named
        FROM
        (
            SELECT
                *,
                arrayFilter(column -> ((column >= 40) AND (column <= 52)), columns) AS number_columns,
                arrayMap((type, integer, double, string) -> if(type = 'int_value', toNullable(integer), if(type = 'double_value', accurateCastOrNull(double, 'Int64'), toInt64OrNull(string))), arrayFilter((type, column) -> ((column >= 40) AND (column <= 52)), attribute_types, columns), arrayFilter((integer, column) -> ((column >= 40) AND (column <= 52)), attribute_integers, columns), arrayFilter((double, column) -> ((column >= 40) AND (column <= 52)), attribute_doubles, columns), arrayFilter((string, column) -> ((column >= 40) AND (column <= 52)), attribute_strings, columns)) AS attribute_numbers,
                if(json_column = 0, [], extractAllGroupsVertical(json_usage, '["\'](\\w+)["\']\\s*:\\s*(\\d{1,18})\\b')) AS json_pairs,
                transform(provider_raw, ['azure', 'azure_openai', 'azure-openai', 'az.ai.openai', 'az.ai.inference', 'azure_ai', 'anthropic.messages', 'vertex_ai', 'vertexai', 'google_vertexai', 'google.vertex', 'google-vertex', 'gcp.vertex.agent', 'vertex_ai_beta', 'gemini', 'google', 'google_ai_studio', 'google.generative-ai', 'google-gla', 'bedrock', 'aws', 'aws_bedrock', 'amazon-bedrock', 'bedrock_converse', 'xai', 'x-ai', 'grok', 'mistral', 'mistralai', 'moonshot', 'moonshotai', 'watsonx', 'ibm.watson.ai', 'together', 'together-ai', 'fireworks', 'fireworks-ai', 'hosted_vllm', 'cohere_chat', 'hugging_face'], ['azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'azure.ai.inference', 'anthropic', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'x_ai', 'x_ai', 'x_ai', 'mistral_ai', 'mistral_ai', 'moonshot_ai', 'moonshot_ai', 'ibm.watsonx.ai', 'ibm.watsonx.ai', 'together_ai', 'together_ai', 'fireworks_ai', 'fireworks_ai', 'vllm', 'cohere', 'huggingface'], provider_raw) AS provider_known,
                transform(kind_word, ['llm', 'generation', 'decision', 'llm_request', 'llm_call', 'acompletion', 'completion', 'atext_completion', 'aresponses', 'responses', 'embedding', 'aembedding', 'reranker', 'arerank', 'agent', 'tool', 'retriever', 'chain', 'workflow', 'task', 'ai.generatetext.dogenerate', 'ai.streamtext.dostream', 'ai.generateobject.dogenerate', 'ai.streamobject.dostream', 'ai.embed.doembed', 'ai.embedmany.doembed', 'ai.generatetext', 'ai.streamtext', 'ai.generateobject', 'ai.streamobject', 'ai.embed', 'ai.embedmany', 'claude_code.llm_request', 'claude_code.api_request', 'gemini_cli.api_response', 'response.completed', 'call_llm'], ['chat', 'chat', 'chat', 'chat', 'chat', 'chat', 'text_completion', 'text_completion', 'chat', 'chat', 'embeddings', 'embeddings', 'rerank', 'rerank', 'invoke_agent', 'execute_tool', 'retrieval', 'invoke_workflow', 'invoke_workflow', 'invoke_workflow', 'chat', 'chat', 'chat', 'chat', 'embeddings', 'embeddings', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'chat', 'chat', 'chat', 'chat', 'chat'], kind_word) AS kind_operation
            FROM
            (
                SELECT
                    *,
                    multiIf(json_column = 0, '', json_column = 103, JSONExtractRaw(attribute_strings[indexOf(columns, 103)], 'usage_metadata'), json_column = 104, JSONExtractRaw(attribute_strings[indexOf(columns, 104)], 'replies', 1, 'meta', 'usage'), json_column = 105, JSONExtractRaw(attribute_strings[indexOf(columns, 105)], 'anthropic', 'usage'), (json_column IN (106, 107)), concat(attribute_strings[indexOf(columns, 106)], attribute_strings[indexOf(columns, 107)]), attribute_strings[indexOf(columns, json_column)]) AS json_usage,
                    coalesce(nullIf(transform(CAST(extract(CAST(scope_name, 'LowCardinality(String)'), '^(tollbook|openinference|openlit|langfuse|langsmith|litellm|traceloop|ai$|gen_ai$|pydantic-ai|logfire|gcp\\.vertex\\.agent|com\\.anthropic\\.sdk|xai_sdk|mistralai|crewai|haystack|vllm|opentelemetry\\.(?:util\\.genai|instrumentation\\.(?:genai|google_genai|openai_v2|openai|anthropic|bedrock)))'), 'String'), ['traceloop', 'ai', 'gen_ai', 'pydantic-ai', 'logfire', 'gcp.vertex.agent', 'com.anthropic.sdk', 'xai_sdk', 'mistralai', 'opentelemetry.util.genai', 'opentelemetry.instrumentation.genai', 'opentelemetry.instrumentation.google_genai', 'opentelemetry.instrumentation.openai_v2', 'opentelemetry.instrumentation.openai', 'opentelemetry.instrumentation.anthropic', 'opentelemetry.instrumentation.bedrock'], ['openllmetry', 'vercel', 'vercel_genai', 'pydantic_ai', 'pydantic_ai', 'google_adk', 'anthropic', 'xai', 'mistral', 'opentelemetry', 'opentelemetry', 'opentelemetry', 'opentelemetry', 'openllmetry', 'openllmetry', 'openllmetry']), ''), nullIf(transform(if(kind_column = 0, json_column, kind_column), [32, 33, 34, 35, 36, 37, 38, 102, 103, 104], ['openinference', 'langfuse', 'langsmith', 'openllmetry', 'litellm', 'openllmetry', 'vercel', 'litellm', 'google_adk', 'haystack'], ''), ''), transform(name, ['llm_request', 'claude_code.llm_request', 'claude_code.api_request', 'codex.sse_event', 'gemini_cli.api_response'], ['vllm', 'claude_code', 'claude_code', 'codex', 'gemini_cli'], '')) AS dialect,
                    lower(attribute_strings[indexOf(columns, 1)]) AS operation_named,
                    multiIf((kind_column NOT IN (0, 39)), lower(attribute_strings[indexOf(columns, kind_column)]), kind_column = 39, if(name = 'codex.sse_event', attribute_strings[indexOf(columns, 39)], ''), json_column = 104, 'llm', (name IN ('llm_request', 'claude_code.llm_request', 'claude_code.api_request', 'gemini_cli.api_response', 'call_llm')), name, '') AS kind_word,
                    lower(attribute_strings[multiIf(has(columns, 2), indexOf(columns, 2), has(columns, 3), indexOf(columns, 3), has(columns, 4), indexOf(columns, 4), indexOf(columns, 5))]) AS provider_raw,
                    lower(attribute_strings[indexOf(columns, 100)]) AS host,
                    multiIf(has(columns, 10), attribute_strings[indexOf(columns, 10)], json_column = 104, JSONExtractString(attribute_strings[indexOf(columns, 104)], 'replies', 1, 'meta', 'model'), attribute_strings[indexOf(columns, 11)]) AS request_model
                FROM
                (
                    SELECT
                        *,
                        arrayMap(code -> bitAnd(code, 127), codes) AS columns,
                        bitAnd(arrayMax(arrayMap(code -> if((bitAnd(code, 127) >= 32) AND (bitAnd(code, 127) <= 39), code, 0), codes)), 127) AS kind_column,
                        bitAnd(arrayMax(arrayMap(code -> if((code >= 229) AND (code <= 236), code, 0), codes)), 127) AS json_column
                    FROM
                    (
                        SELECT
                            *,
                            arrayMap(attribute_key -> CAST(transform(attribute_key, ['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.system', 'llm.provider', 'ai.model.provider', 'custom_llm_provider', 'llm.system', 'tollbook.region', 'anthropic.response.inference_geo', 'tollbook.batch', 'gen_ai.request.model', 'llm.request.model_name', 'ai.model.id', 'embedding.model_name', 'reranker.model_name', 'langfuse.observation.model.name', 'llm.model_name', 'model', 'gen_ai.response.model', 'llm.response.model_name', 'ai.response.model', 'llm.response.model', 'gen_ai.response.id', 'ai.response.id', 'request_id', 'anthropic.request.id', 'gen_ai.conversation.id', 'langfuse.session.id', 'langsmith.trace.session_id', 'conversation.id', 'traceloop.association.properties.session_id', 'ai.telemetry.metadata.sessionId', 'session.id', 'user.id', 'langfuse.user.id', 'enduser.id', 'gen_ai.user', 'gen_ai.request.user', 'litellm.end_user.id', 'ai.telemetry.metadata.userId', 'traceloop.association.properties.user_id', 'llm.user', 'user.account_uuid', 'openai.response.service_tier', 'gen_ai.openai.response.service_tier', 'gen_ai.response.service_tier', 'anthropic.response.service_tier', 'openai.request.service_tier', 'gen_ai.openai.request.service_tier', 'anthropic.request.service_tier', 'gen_ai.request.service_tier', 'speed', 'error.type', 'gen_ai.usage.cost.source', 'gen_ai.response.finish_reasons', 'gen_ai.response.finish_reason', 'llm.finish_reason', 'llm.response.finish_reason', 'gen_ai.response.stop_reason', 'ai.response.finishReason', 'gen_ai.request.stream', 'gen_ai.is_streaming', 'llm.is_streaming', 'tollbook.usage.complete', 'gen_ai.response.time_to_first_chunk', 'gen_ai.client.operation.time_to_first_chunk', 'gen_ai.latency.time_to_first_token', 'gen_ai.server.time_to_first_token', 'ai.response.msToFirstChunk', 'ttft_ms', 'langfuse.observation.completion_start_time', 'gen_ai.agent.name', 'agent.name', 'crewai.agent.role', 'ai.telemetry.functionId', 'openinference.span.kind', 'langfuse.observation.type', 'langsmith.span.kind', 'traceloop.span.kind', 'litellm.call_type', 'llm.request.type', 'ai.operationId', 'event.kind', 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt', 'llm.usage.prompt_tokens', 'ai.usage.inputTokens', 'ai.usage.promptTokens', 'ai.usage.tokens', 'input_token_count', 'input_tokens', 'gen_ai.usage.cache_read.input_tokens', 'gen_ai.usage.cache_read_input_tokens', 'llm.token_count.prompt_details.cache_read', 'llm.token_count.prompt_details.cache_input', 'gen_ai.usage.prompt_tokens_details.cached_tokens', 'gen_ai.usage.details.cache_read_tokens', 'gen_ai.usage.cached_tokens', 'gen_ai.usage.cached_prompt_text_tokens', 'gen_ai.usage.input_cached_tokens', 'gen_ai.usage.input_tokens.cached', 'ai.usage.inputTokenDetails.cacheReadTokens', 'ai.usage.cachedInputTokens', 'cache_read_tokens', 'cached_token_count', 'cached_content_token_count', 'gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.cache_creation_input_tokens', 'llm.token_count.prompt_details.cache_write', 'gen_ai.usage.prompt_tokens_details.cache_creation_tokens', 'gen_ai.usage.details.cache_write_tokens', 'gen_ai.usage.input_tokens.cache_write', 'ai.usage.inputTokenDetails.cacheWriteTokens', 'cache_creation_tokens', 'anthropic.usage.cache_creation.ephemeral_1h_input_tokens', 'gen_ai.usage.details.ephemeral_1h_input_tokens', 'cache_creation_1h_tokens', 'gen_ai.usage.audio.input_tokens', 'llm.token_count.prompt_details.audio', 'gen_ai.usage.details.input_audio_tokens', 'gen_ai.usage.input_audio_tokens', 'gen_ai.usage.image.input_tokens', 'gen_ai.usage.prompt_image_tokens', 'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens', 'llm.token_count.completion', 'llm.usage.completion_tokens', 'ai.usage.outputTokens', 'ai.usage.completionTokens', 'output_token_count', 'output_tokens', 'gen_ai.usage.reasoning.output_tokens', 'gen_ai.usage.reasoning_tokens', 'llm.token_count.completion_details.reasoning', 'llm.usage.reasoning_tokens', 'gen_ai.usage.completion_tokens_details.reasoning_tokens', 'ai.usage.outputTokenDetails.reasoningTokens', 'ai.usage.reasoningTokens', 'gen_ai.usage.details.reasoning_tokens', 'reasoning_token_count', 'thoughts_token_count', 'gen_ai.usage.audio.output_tokens', 'llm.token_count.completion_details.audio', 'gen_ai.usage.completion_tokens_details.audio_tokens', 'gen_ai.usage.details.output_audio_tokens', 'gen_ai.usage.output_audio_tokens', 'gen_ai.usage.image.output_tokens', 'anthropic.usage.cache_creation.ephemeral_5m_input_tokens', 'cache_creation_5m_tokens', 'ai.usage.inputTokenDetails.noCacheTokens', 'tool_token_count', 'tollbook.cost_usd', 'gen_ai.usage.cost.amount', 'gen_ai.usage.cost.currency', 'gen_ai.usage.cost', 'operation.cost', 'llm.cost.total', 'litellm.cost.total', 'gen_ai.cost.total_cost', 'cost_usd', 'opencode.llm.cost.total', 'gen_ai.usage.cost_in_usd_ticks', 'cost_usd_micros', 'litellm.cache_hit', 'tollbook.usage.estimated', 'tollbook.usage.web_search_requests', 'tollbook.usage.file_search_requests', 'tollbook.usage.search_units', 'tollbook.usage.input_audio_seconds', 'tollbook.usage.input_characters', 'tollbook.usage.images', 'tollbook.usage.pages', 'mistral_ai.ocr.usage.pages_processed', 'tollbook.usage.code_sessions', 'tollbook.request.search_context_size', 'gen_ai.request.image_quality', 'gen_ai.request.image_size', 'server.address', 'langfuse.observation.usage_details', 'metadata.usage_object', 'gcp.vertex.agent.llm_response', 'haystack.component.output', 'ai.response.providerMetadata', 'gen_ai.usage.input_token_details', 'gen_ai.usage.output_token_details', 'gen_ai.usage.raw', 'langfuse.observation.cost_details', 'hidden_params', 'metadata', 'tag.tags', 'langfuse.trace.tags', 'langsmith.span.tags'], [1, 2, 3, 4, 4, 132, 5, 7, 7, 8, 10, 10, 10, 10, 10, 10, 11, 139, 12, 12, 12, 12, 14, 14, 142, 15, 16, 16, 16, 144, 16, 16, 17, 18, 18, 18, 18, 18, 18, 18, 18, 19, 147, 20, 20, 20, 20, 21, 21, 21, 21, 149, 23, 24, 25, 25, 25, 25, 25, 25, 26, 26, 26, 27, 28, 28, 28, 28, 29, 157, 30, 31, 159, 31, 31, 32, 33, 34, 35, 36, 37, 38, 167, 40, 40, 40, 40, 40, 40, 40, 168, 168, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 41, 169, 169, 169, 42, 42, 42, 42, 42, 42, 42, 42, 170, 43, 43, 171, 44, 44, 44, 44, 45, 45, 46, 46, 46, 46, 46, 46, 174, 174, 47, 47, 47, 47, 47, 47, 47, 47, 175, 175, 48, 48, 48, 48, 48, 49, 50, 178, 51, 180, 60, 61, 62, 63, 63, 63, 63, 63, 191, 63, 64, 193, 66, 67, 70, 71, 72, 73, 74, 75, 76, 76, 77, 78, 79, 80, 228, 229, 230, 231, 232, 233, 234, 235, 236, 238, 239, 240, 241, 241, 241], 0), 'UInt8'), attribute_keys) AS codes
                        FROM decoded
                    )
                )
            )
        )
    )
);

CREATE TABLE understood
(
    `tenant` LowCardinality(String),
    `key` LowCardinality(String),
    `received_at` DateTime64(9, 'UTC'),
    `trace_id` FixedString(16),
    `span_id` FixedString(8),
    `parent_span_id` FixedString(8),
    `trace_state` String,
    `name` String,
    `kind` Int32,
    `started_at` DateTime64(9, 'UTC'),
    `duration_ns` UInt64,
    `status_code` Int32,
    `status_message` String,
    `scope_name` String,
    `scope_version` String,
    `resource_attributes` Map(String, String),
    `attribute_keys` Array(String),
    `attribute_types` Array(Enum8('unset' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, 'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)),
    `attribute_strings` Array(String),
    `attribute_integers` Array(Int64),
    `attribute_doubles` Array(Float64),
    `attribute_booleans` Array(Bool),
    `attribute_lists` Array(Array(String)) COMMENT 'Elements of an array value as text',
    `attribute_bytes` Array(String) COMMENT 'A kvlist as its protobuf bytes, or bytes',
    `events` Array(String) COMMENT 'Span.Event messages as protobuf bytes',
    `links` Array(String) COMMENT 'Span.Link messages as protobuf bytes',
    `codes` Array(UInt8) COMMENT 'Number of the column of each attribute, as tollbook_column gives it',
    `columns` Array(UInt8) COMMENT 'Its low seven bits',
    `attribute_numbers` Array(Nullable(Int64)) COMMENT 'Attributes that are counts of tokens; NULL: it is none, or no whole number',
    `json_column` UInt8 COMMENT 'Number of the attribute that has the usage as JSON; 0: none',
    `json_columns` Array(UInt8) COMMENT 'Number of the column of each key of that JSON',
    `json_numbers` Array(Int64) COMMENT 'Its numbers',
    `is_split` Bool COMMENT 'That JSON has classes beside each other and no total',
    `counted` Array(UInt8) COMMENT 'Numbers of the columns of numbers',
    `numbers` Array(Nullable(Int64)) COMMENT 'Counts of tokens, those of JSON first',
    `dialect` LowCardinality(String) COMMENT 'Who named the attributes',
    `kind_word` String COMMENT 'What the dialect calls the kind of span, in lower case',
    `kind_operation` String COMMENT 'The operation that this is',
    `operation` String COMMENT 'The operation',
    `provider_named` String COMMENT 'The provider that the span names',
    `provider_of_host` String COMMENT 'The provider whose host was called, where none is named',
    `host` String COMMENT 'The host, in lower case',
    `request_model` String COMMENT 'The model asked for'
)
ENGINE = `Null`;

CREATE VIEW unit_rates
(
    `price_id` String,
    `meters` Array(String),
    `rates_usd` Array(Decimal(38, 12))
)
AS SELECT
    price_id,
    groupArray(toString(meter)) AS meters,
    groupArray(rate_usd) AS rates_usd
FROM rates
WHERE (book_at = (
    SELECT max(book_at)
    FROM price_books
)) AND (meter NOT IN ('input', 'cache_read', 'cache_write', 'cache_write_1h', 'input_audio', 'input_image', 'output', 'reasoning', 'output_audio', 'output_image', 'millisecond', 'unconverted'))
GROUP BY price_id;

CREATE DICTIONARY unit_rates_by_card
(
    `price_id` String,
    `meters` Array(String),
    `rates_usd` Array(Decimal(38, 12))
)
PRIMARY KEY price_id
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'unit_rates'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(COMPLEX_KEY_HASHED());

CREATE VIEW unpriced_calls
(
    `tenant` LowCardinality(String),
    `hour` DateTime('UTC'),
    `service` LowCardinality(String),
    `team` LowCardinality(String),
    `provider` LowCardinality(String),
    `model` LowCardinality(String),
    `unpriced_reason` LowCardinality(String),
    `calls` UInt64,
    `input_tokens` UInt64,
    `output_tokens` UInt64
)
AS SELECT
    tenant,
    toStartOfHour(toDateTime(started_at, 'UTC')) AS hour,
    service,
    team,
    provider,
    model,
    unpriced_reason,
    count() AS calls,
    sum(ifNull(spans.input_tokens, 0)) AS input_tokens,
    sum(ifNull(spans.output_tokens, 0)) AS output_tokens
FROM spans
WHERE is_call AND (price_status = 'unpriced') AND (unpriced_reason != 'failed')
GROUP BY
    tenant,
    hour,
    service,
    team,
    provider,
    model,
    unpriced_reason;

CREATE DICTIONARY windows_by_model
(
    `name` String,
    `variants` Array(String),
    `weekday_masks` Array(UInt8),
    `start_minutes` Array(UInt16),
    `end_minutes` Array(UInt16)
)
PRIMARY KEY name
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'model_windows'))
LIFETIME(MIN 0 MAX 0)
LAYOUT(COMPLEX_KEY_HASHED());
