-- Writes down each call of a time that is a copy of another one and was not known to be one. search: names the search.
-- since, until: when the calls started; group_max: of more calls with the same unsure sign none is taken for a copy.
-- A sure response id names one response in the world. An unsure one is the same response if the usage is equal and the
-- instrumentations differ or the calls met in time. The same span, sent twice, is one call. Without ids, equal usage in one trace,
-- seen by different instrumentations, one within the other's time up to a second, is one call.
INSERT INTO copy_candidates (search, searched_at, tenant, copy_key, original_key, reason, trace_id, span_id, dedup_of, received_at, started_at, service, environment, provider, model, operation, team, feature, customer, service_tier, failed, unpriced, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, duration_ns, cost_usd)
SELECT
    {search:String} AS search,
    now('UTC') AS searched_at,
    tenant,
    copy_key,
    found.original_key,
    found.reason,
    trace_id,
    span_id,
    found.dedup_of,
    received_at,
    started_at,
    service,
    environment,
    provider,
    model,
    operation,
    team,
    feature,
    customer,
    service_tier,
    status_code = 2 AS failed,
    price_status = 'unpriced' AND unpriced_reason != 'failed' AS unpriced,
    ifNull(calls.input_tokens, 0),
    cache_read_tokens,
    cache_write_tokens,
    ifNull(calls.output_tokens, 0),
    reasoning_tokens,
    duration_ns,
    ifNull(calls.cost_usd, toDecimal128(0, 12))
FROM
(
    SELECT
        *,
        tollbook_copy_key(tenant, trace_id, span_id, received_at) AS copy_key
    FROM spans
    WHERE is_call AND started_at >= {since:DateTime('UTC')} AND started_at < {until:DateTime('UTC')}
) AS calls
INNER JOIN
(
    SELECT
        pair.1 AS copy_key,
        argMin(pair.2, sign) AS original_key,
        argMin(pair.3, sign) AS dedup_of,
        min(sign) AS reason
    FROM
    (
        SELECT
            sign,
            arrayJoin(arrayFilter(
                pair -> pair.2 != 0 AND pair.2 != pair.1,
                arrayMap(
                    (each, place) -> tuple(
                        each.2,
                        (if(sign = 'span' OR (sign = 'response' AND is_sure),
                            group[1],
                            arrayFirst(
                                other -> if(sign = 'response',
                                    other.5 = each.5 AND (other.4 != each.4 OR (other.1.6 <= each.3 AND each.1.6 <= other.3)),
                                    other.4 != each.4
                                        AND (other.6 = '' OR each.6 = '' OR other.6 = each.6)
                                        AND ((other.1.6 - 1000000000 <= each.1.6 AND each.3 <= other.3 + 1000000000) OR (each.1.6 - 1000000000 <= other.1.6 AND other.3 <= each.3 + 1000000000))),
                                arraySlice(group, 1, place - 1))) AS original).2,
                        original.1.7),
                    arraySlice(group, 2),
                    arraySlice(arrayEnumerate(group), 2)))) AS pair
        FROM
        (
            SELECT
                tenant,
                sign,
                text,
                any(call_signs.is_sure) AS is_sure,
                arraySort(groupArray(call)) AS group
            FROM call_signs
            WHERE started_at >= {since:DateTime('UTC')}
                AND started_at < {until:DateTime('UTC')}
                AND sign_hash IN
                (
                    SELECT sign_hash
                    FROM call_signs
                    WHERE started_at >= {since:DateTime('UTC')} AND started_at < {until:DateTime('UTC')}
                    GROUP BY sign_hash
                    HAVING count() > 1
                )
            GROUP BY tenant, sign, text
            HAVING count() > 1 AND (count() <= {group_max:UInt32} OR sign = 'span' OR (sign = 'response' AND is_sure))
        )
    )
    GROUP BY copy_key
) AS found ON calls.copy_key = found.copy_key
WHERE copy_key NOT IN (SELECT copy_key FROM copies)
ORDER BY ALL
