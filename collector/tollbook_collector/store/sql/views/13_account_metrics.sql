-- One row for each hour and fate in an insert: what the door counted of its requests.
CREATE OR REPLACE MATERIALIZED VIEW account_metrics TO accounts AS
SELECT
    tenant,
    key,
    'metrics' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    account.1 AS fate,
    sum(account.2) AS items
FROM landing_metrics
ARRAY JOIN arrayConcat([('accepted', toInt64(spans))], rejected) AS account
WHERE tenant != ''
GROUP BY tenant, key, hour, fate
