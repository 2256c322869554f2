-- One row for each span: which column each of its attributes holds, in which dialect, and its counts of tokens.
-- JSON is read only where a span has it: the branches of if and multiIf are computed for the rows that take them.
-- It stands apart from normalise because a view is planned at every insert, and the time grows with the square of its depth.
CREATE OR REPLACE MATERIALIZED VIEW understand TO understood AS
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
        has(json_columns, 100) AND NOT has(json_columns, 40) AS is_split,
        if(json_column = 0, number_columns, arrayConcat(if(is_split, [40], []), if(has(json_columns, 106) AND NOT has(json_columns, 46), [46], []), arrayMap(column -> transform(column, [101, 102, 104, 107], [41, 42, 44, 47], column), json_columns), number_columns)) AS counted,
        if(json_column = 0, attribute_numbers, arrayConcat(
            if(is_split, [arraySum((number, column) -> if(column BETWEEN 100 AND 104, number, 0), json_numbers, json_columns)], []),
            if(has(json_columns, 106) AND NOT has(json_columns, 46), [arraySum((number, column) -> if(column IN (106, 107), number, 0), json_numbers, json_columns)], []),
            json_numbers,
            attribute_numbers)) AS numbers
    FROM
    (
        SELECT
            *,
            if(json_column = 0, [], arrayMap(pair -> tollbook_column_of_usage(pair[1]), json_pairs)) AS json_columns,
            if(json_column = 0, [], arrayMap(pair -> toInt64(pair[2]), json_pairs)) AS json_numbers,
            if(provider_known = '' AND host != '', tollbook_provider_of_host(host), '') AS provider_of_host,
            if(operation_named != '', tollbook_operation(operation_named), kind_operation) AS operation,
            if(dialect = 'vercel' AND provider_known = provider_raw, tollbook_provider(splitByChar('.', provider_raw)[1]), provider_known) AS provider_named
        FROM
        (
            SELECT
                *,
                -- Of the counts of tokens alone, which are few of the attributes.
                arrayFilter(column -> column BETWEEN 40 AND 52, columns) AS number_columns,
                arrayMap(
                    (type, integer, double, string) -> if(type = 'int_value', toNullable(integer), if(type = 'double_value', accurateCastOrNull(double, 'Int64'), toInt64OrNull(string))),
                    arrayFilter((type, column) -> column BETWEEN 40 AND 52, attribute_types, columns),
                    arrayFilter((integer, column) -> column BETWEEN 40 AND 52, attribute_integers, columns),
                    arrayFilter((double, column) -> column BETWEEN 40 AND 52, attribute_doubles, columns),
                    arrayFilter((string, column) -> column BETWEEN 40 AND 52, attribute_strings, columns)) AS attribute_numbers,
                -- Each key with a whole number, at any depth, in JSON or as Python prints a dictionary.
                if(json_column = 0, [], extractAllGroupsVertical(json_usage, '["\'](\\w+)["\']\\s*:\\s*(\\d{1,18})\\b')) AS json_pairs,
                tollbook_provider(provider_raw) AS provider_known,
                tollbook_operation(kind_word) AS kind_operation
            FROM
            (
                SELECT
                    *,
                    multiIf(
                        json_column = 0, '',
                        json_column = 103, JSONExtractRaw(attribute_strings[indexOf(columns, 103)], 'usage_metadata'),
                        json_column = 104, JSONExtractRaw(attribute_strings[indexOf(columns, 104)], 'replies', 1, 'meta', 'usage'),
                        json_column = 105, JSONExtractRaw(attribute_strings[indexOf(columns, 105)], 'anthropic', 'usage'),
                        json_column IN (106, 107), concat(attribute_strings[indexOf(columns, 106)], attribute_strings[indexOf(columns, 107)]),
                        attribute_strings[indexOf(columns, json_column)]) AS json_usage,
                    tollbook_dialect(scope_name, name, kind_column, json_column) AS dialect,
                    lower(attribute_strings[indexOf(columns, 1)]) AS operation_named,
                    multiIf(
                        kind_column NOT IN (0, 39), lower(attribute_strings[indexOf(columns, kind_column)]),
                        kind_column = 39, if(name = 'codex.sse_event', attribute_strings[indexOf(columns, 39)], ''),
                        json_column = 104, 'llm',
                        name IN ('llm_request', 'claude_code.llm_request', 'claude_code.api_request', 'gemini_cli.api_response', 'call_llm'), name,
                        '') AS kind_word,
                    lower(attribute_strings[multiIf(has(columns, 2), indexOf(columns, 2), has(columns, 3), indexOf(columns, 3), has(columns, 4), indexOf(columns, 4), indexOf(columns, 5))]) AS provider_raw,
                    lower(attribute_strings[indexOf(columns, 100)]) AS host,
                    multiIf(has(columns, 10), attribute_strings[indexOf(columns, 10)], json_column = 104, JSONExtractString(attribute_strings[indexOf(columns, 104)], 'replies', 1, 'meta', 'model'), attribute_strings[indexOf(columns, 11)]) AS request_model
                FROM
                (
                    SELECT
                        *,
                        arrayMap(code -> bitAnd(code, 127), codes) AS columns,
                        bitAnd(arrayMax(arrayMap(code -> if(bitAnd(code, 127) BETWEEN 32 AND 39, code, 0), codes)), 127) AS kind_column,
                        bitAnd(arrayMax(arrayMap(code -> if(code BETWEEN 229 AND 236, code, 0), codes)), 127) AS json_column
                    FROM
                    (
                        SELECT
                            *,
                            arrayMap(attribute_key -> tollbook_column(attribute_key), attribute_keys) AS codes
                        FROM decoded
                    )
                )
            )
        )
    )
)
