-- One row for each span that repeats usage of the calls under it (an agent, a workflow, an outer span): its tokens beside theirs, which alone are billed.
-- Parents are followed up for 16 steps; copies of calls do not count.
CREATE OR REPLACE VIEW roll_up_differences AS
SELECT
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
        arrayMap(position -> arrayExists(level -> level[position] = outer.1, levels), arrayEnumerate(call_parents)) AS under
    FROM
    (
        SELECT
            *,
            arrayFold(
                (found, step) -> (
                    arrayMap(parent -> parents[indexOf(ids, parent)], found.1),
                    arrayPushBack(found.2, arrayMap(parent -> parents[indexOf(ids, parent)], found.1))),
                range(15),
                (call_parents, [call_parents])).2 AS levels,
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
                    NOT is_call AND (isNotNull(spans.input_tokens) OR isNotNull(spans.output_tokens)) AS is_outer,
                    is_call AND tollbook_copy_key(tenant, trace_id, span_id, received_at) NOT IN (SELECT copy_key FROM copies) AS is_billable
                FROM spans
                WHERE (tenant, trace_id) IN (SELECT tenant, trace_id FROM spans WHERE NOT is_call AND (isNotNull(spans.input_tokens) OR isNotNull(spans.output_tokens)))
            ) AS spans
            GROUP BY tenant, trace_id
        )
    )
) AS traces
