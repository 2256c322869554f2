-- One row for each budget and value that other collectors have taken something of: US dollars, all of theirs together.
SELECT
    budget,
    value,
    sum(claimed_usd)
FROM limit_claims FINAL
WHERE tenant = {tenant:String}
    AND collector != {collector:String}
    AND written_at > now64(6, 'UTC') - toIntervalSecond({lasts_s:UInt32})
GROUP BY
    budget,
    value
