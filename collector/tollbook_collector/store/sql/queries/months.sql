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
        sum(parts.calls) AS calls,
        sum(parts.spend_usd) AS spend_usd,
        sum(parts.adjusted_usd) AS adjusted_usd,
        sum(parts.spend_usd) + sum(parts.adjusted_usd) AS cost_usd
    FROM
    (
        SELECT
            toStartOfMonth(hour) AS period,
            sum(spend_hourly.calls) AS calls,
            sum(spend_hourly.cost_usd) AS spend_usd,
            toDecimal128(0, 12) AS adjusted_usd
        FROM spend_hourly
        WHERE tenant = {tenant:String}
        GROUP BY period
        UNION ALL
        SELECT
            period,
            sum(adjustments.calls) AS calls,
            toDecimal128(0, 12) AS spend_usd,
            sum(amount_usd) AS adjusted_usd
        FROM adjustments
        WHERE tenant = {tenant:String}
        GROUP BY period
    ) AS parts
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
