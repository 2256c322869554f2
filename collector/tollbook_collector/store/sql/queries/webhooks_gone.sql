-- One row for each webhook whose last try was answered 410: it is gone.
SELECT webhook
FROM alert_attempts
GROUP BY webhook
HAVING argMax(status, at) = 410
ORDER BY webhook
