-- One row for each hour and fate in an insert: what the door counted of its requests.
CREATE OR REPLACE MATERIALIZED VIEW account_traces TO accounts AS
SELECT
    tenant,
    key,
    'traces' AS signal,
    toStartOfHour(fromUnixTimestamp64Nano(toInt64(received_at), 'UTC')) AS hour,
    account.1 AS fate,
    sum(account.2) AS items
FROM landing
ARRAY JOIN arrayConcat([('accepted', toInt64(spans))], rejected) AS account
WHERE tenant != ''
GROUP BY tenant, key, hour, fate
