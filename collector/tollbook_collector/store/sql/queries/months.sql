-- One row for each month with charges, newest first: what was spent and adjusted, and when and by whom it was closed.
SELECT
    charged.period AS month,
    charged.calls,
    charged.spend_usd,
    charged.adjusted_usd,
    charged.cost_usd,
    closed.closed_at,
    closed.author,
    closed.sha256,
    ifNull(changed.since_usd, toDecimal128(0, 12)) AS since_usd
FROM
(
    SELECT
        period,
        sum(charges.calls) AS calls,
        sumIf(charges.cost_usd, kind = 'spend') AS spend_usd,
        sumIf(charges.cost_usd, kind != 'spend') AS adjusted_usd,
        sum(charges.cost_usd) AS cost_usd
    FROM charges
    WHERE tenant = {tenant:String}
    GROUP BY period
) AS charged
LEFT JOIN
(
    SELECT
        period,
        toNullable(min(closed_months.closed_at)) AS closed_at,
        argMin(closed_months.author, closed_months.closed_at) AS author,
        argMin(closed_months.sha256, closed_months.closed_at) AS sha256
    FROM closed_months
    WHERE tenant = {tenant:String}
    GROUP BY period
) AS closed ON closed.period = charged.period
LEFT JOIN
(
    SELECT period, toNullable(sum(adjustments.amount_usd)) AS since_usd
    FROM adjustments
    WHERE tenant = {tenant:String} AND kind = 'late'
    GROUP BY period
) AS changed ON changed.period = charged.period
ORDER BY month DESC
LIMIT {limit:UInt32}
