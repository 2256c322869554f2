-- One row for each provider's bill that was compared, newest comparison first: its days, what was metered and what was billed.
SELECT
    bill,
    max(reconciliations.reconciled_at) AS compared_at,
    arrayStringConcat(arraySort(groupUniqArray(toString(provider))), ', ') AS providers,
    min(day) AS first_day,
    max(day) AS last_day,
    sumIf(our_quantity, class != 'other') AS our_tokens,
    sum(ifNull(their_quantity, toDecimal128(0, 12))) AS their_tokens,
    sum(reconciliations.our_cost_usd) AS our_usd,
    if(countIf(isNotNull(their_cost_usd)) = 0, NULL, sum(ifNull(reconciliations.their_cost_usd, toDecimal128(0, 12)))) AS their_usd
FROM reconciliations
WHERE tenant = {tenant:String}
    AND (bill, reconciled_at) IN (SELECT bill, max(reconciliations.reconciled_at) FROM reconciliations WHERE tenant = {tenant:String} GROUP BY bill)
GROUP BY bill
ORDER BY compared_at DESC
LIMIT {limit:UInt32}
