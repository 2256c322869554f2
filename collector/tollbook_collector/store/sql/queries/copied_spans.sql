-- One row for each span that a round found to be a copy, as it was accepted. found_at names the round; none of one that is in the roll-ups.
SELECT *
FROM spans
WHERE started_at >= (SELECT min(started_at) FROM copies WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first)
    AND started_at <= (SELECT max(started_at) FROM copies WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first)
    AND tollbook_copy_key(tenant, trace_id, span_id, received_at) IN (SELECT copy_key FROM copies WHERE found_at = {found_at:DateTime64(6, 'UTC')} AND is_first)
    AND {found_at:DateTime64(6, 'UTC')} NOT IN (SELECT copy_rounds.found_at FROM copy_rounds WHERE ends_round)
