-- Adds a row for each copy whose original turned out, in this round, to be a copy itself: it is one of that one's original.
INSERT INTO copies (tenant, copy_key, original_key, found_at, reason, is_first, trace_id, span_id, dedup_of, received_at, started_at)
SELECT
    older.tenant,
    older.copy_key,
    newer.original_key,
    newer.found_at,
    'original',
    false,
    older.trace_id,
    older.span_id,
    newer.dedup_of,
    older.received_at,
    older.started_at
FROM
(
    SELECT
        tenant,
        copy_key,
        argMax(copies.original_key, copies.found_at) AS original_key,
        any(copies.trace_id) AS trace_id,
        any(copies.span_id) AS span_id,
        any(copies.received_at) AS received_at,
        any(copies.started_at) AS started_at
    FROM copies
    WHERE found_at <= {found_at:DateTime64(6, 'UTC')}
    GROUP BY tenant, copy_key
) AS older
INNER JOIN
(
    SELECT tenant, copy_key, original_key, dedup_of, found_at
    FROM copies
    WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first
) AS newer ON older.tenant = newer.tenant AND older.original_key = newer.copy_key
