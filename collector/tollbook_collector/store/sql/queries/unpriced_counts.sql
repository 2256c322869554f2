-- One row for each reason for which calls of the last hours have no price, most calls first.
-- hours: how many, the one that runs included.
SELECT
    unpriced_reason,
    sum(unpriced_calls.calls) AS calls
FROM unpriced_calls
WHERE hour > now() - toIntervalHour({hours:UInt32})
GROUP BY unpriced_reason
ORDER BY calls DESC, unpriced_reason
