-- One row for each span of a day of a made-up company, as the normalising view would leave it; the price view and all roll-ups follow.
-- A quarter of the groups of ten are runs of agents: a root, two tools and seven calls; the other spans are calls of their own. Busy at noon, quiet at night.
-- tenant, day (a midnight of UTC), rows, before (rows of the days before, so that ids differ), from_s, until_s (seconds of the day), growth (of prompts, 1: none).
INSERT INTO normalised (tenant, key, received_at, trace_id, span_id, parent_span_id, name, kind, started_at, duration_ns, status_code, scope_name, service, environment, is_call, operation, provider, request_model, response_model, response_id, conversation_id, user_id, agent, service_tier, stream, finish_reasons, error_type, time_to_first_chunk_ns, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, usage_complete, team, feature, customer, tags, attributes, resource)
WITH
    number + {before:UInt64} AS n,
    intDiv(n, 10) AS group_of_ten,
    n % 10 AS place,
    group_of_ten % 4 = 0 AS in_run,
    in_run AND place = 0 AS is_root,
    in_run AND place IN (3, 6) AS is_tool,
    if(in_run, group_of_ten, n) AS unit,
    (cityHash64(unit, 'when') % 1000000) / 1000000 AS drawn,
    {from_s:Float64} + ({until_s:Float64} - {from_s:Float64}) * (drawn + 0.11 * sin(2 * pi() * drawn)) + if(in_run, place * 2, 0) AS second,
    toDateTime64({day:DateTime('UTC')}, 9, 'UTC') + toIntervalNanosecond(toInt64(second * 1000000000)) AS started,
    cityHash64(unit, 'what') % 100 AS kind_of_work,
    multiIf(kind_of_work < 46, 1, kind_of_work < 70, 2, kind_of_work < 88, 3, 4) AS work,
    ['support', 'search', 'devtools', 'sales'][work] AS team_name,
    [['answer', 'summary'], ['question', 'rerank'], ['completion', 'review'], ['draft', 'mail']][work][cityHash64(unit, 'feature') % 2 + 1] AS feature_name,
    ['chat', 'search-api', 'code-assistant', 'crm'][work] AS service_name,
    cityHash64(n, 'model') % 100 AS draw_model,
    multiIf(draw_model < 34, 1, draw_model < 55, 2, draw_model < 72, 3, draw_model < 86, 4, draw_model < 97, 5, 6) AS m,
    if(m IN (1, 3, 6), 'openai', 'anthropic') AS maker,
    ['gpt-5-mini', 'claude-haiku-4-5', 'gpt-6.1-terra', 'claude-sonnet-5-5', 'claude-opus-5-5', 'house-model-7b'][m] AS model_name,
    -- A third of the questions of support are asked again and again.
    feature_name = 'answer' AND NOT in_run AND cityHash64(n, 'asked') % 3 = 0 AS is_repeated,
    if(is_repeated, cityHash64(n, 'question') % 400, n) AS question,
    not(is_root OR is_tool) AS calls_model,
    calls_model AND cityHash64(n, 'fails') % 1000 < 14 AS fails,
    toUInt64((400 + cityHash64(question, 'input') % 900 * (1 + cityHash64(question, 'long') % 5)) * {growth:Float64}) AS prompt_tokens,
    if(cityHash64(question, 'cached') % 100 < [40, 10, 55, 0][work], intDiv(prompt_tokens, 4) * 3, 0) AS cached_tokens,
    toUInt64(40 + cityHash64(n, 'output') % 300 * (1 + cityHash64(n, 'longer') % 4)) AS answer_tokens,
    toUInt64(([420, 300, 540, 640, 980, 200][m] + answer_tokens * [7, 5, 9, 11, 17, 4][m]) * (0.7 + cityHash64(n, 'pace') % 100 / 100)) AS milliseconds
SELECT
    {tenant:String}, 'k1', started + toIntervalMillisecond(milliseconds + 400),
    reinterpretAsFixedString(sipHash128(unit, 'trace')) AS trace,
    reinterpretAsFixedString(cityHash64(n, 'span')),
    if(in_run AND place > 0, reinterpretAsFixedString(cityHash64(n - place, 'span')), toFixedString('', 8)),
    multiIf(is_root, concat('invoke_agent ', run_name), is_tool, concat('execute_tool ', if(place = 3, 'search_orders', 'fetch_page')), concat('chat ', model_name)),
    if(calls_model, 3, 1), started,
    multiIf(is_root, toUInt64(24000000000), is_tool, toUInt64(place * 130000000), toUInt64(milliseconds * 1000000)),
    if(fails, 2, 0), 'tollbook', service_name, 'production', calls_model,
    multiIf(is_root, 'invoke_agent', is_tool, 'execute_tool', 'chat'),
    if(calls_model, maker, ''), if(calls_model, model_name, ''), if(calls_model AND NOT fails, model_name, ''),
    if(calls_model AND NOT fails, concat('resp_', lower(hex(sipHash128(n, 'response')))), ''),
    '', concat('user-', toString(cityHash64(unit, 'user') % 3000)), if(in_run, run_name, ''),
    if(calls_model, 'standard', ''), calls_model AND n % 2 = 0,
    if(calls_model AND NOT fails, [if(n % 50 = 0, 'length', 'stop')], []), if(fails, 'RateLimitError', ''),
    if(calls_model AND n % 2 = 0 AND NOT fails, toUInt64([420, 300, 540, 640, 980, 200][m] * 1000000), NULL),
    if(calls_model AND NOT fails, prompt_tokens, NULL), if(calls_model AND NOT fails, cached_tokens, 0), 0,
    if(calls_model AND NOT fails, answer_tokens, NULL), 0, true,
    team_name, feature_name, concat('customer-', toString(cityHash64(unit, 'customer') % 200)),
    map('team', team_name, 'feature', feature_name),
    mapConcat(
        if(in_run, map('tollbook.run.id', lower(hex(trace)), 'tollbook.run.name', ['refund-agent', 'research-agent', 'triage-agent', 'code-review'][intDiv(group_of_ten, 4) % 4 + 1] AS run_name), CAST(map(), 'Map(LowCardinality(String), String)')),
        if(calls_model, map('tollbook.prompt.digest', lower(hex(sipHash128(question, model_name)))), CAST(map(), 'Map(LowCardinality(String), String)')),
        if(is_tool, map('gen_ai.tool.name', if(place = 3, 'search_orders', 'fetch_page')), CAST(map(), 'Map(LowCardinality(String), String)'))),
    map('service.version', if(cityHash64(unit, 'release') % 3 = 0, '2.1.0', '2.0.4'))
FROM numbers({rows:UInt64})
