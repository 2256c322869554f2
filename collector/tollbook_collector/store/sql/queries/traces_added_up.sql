-- One row: whether all spans are in the parts of their traces; 0 while there are spans that were received before there were parts.
SELECT NOT EXISTS
(
    SELECT 1
    FROM spans
    WHERE received_at < (SELECT if(count() = 0, toDateTime('2100-01-01', 'UTC'), min(trace_parts.first_received)) FROM trace_parts)
) AS added_up
