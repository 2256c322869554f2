-- One row for each provider, model and reason to price calls anew: how many, what they are charged now and would be, and by which price book.
-- repriced stands for the calls at the prices in force.
SELECT
    provider,
    recorded_model AS model,
    multiIf(
        isNull(cost_usd) AND isNull(recorded_usd), 'still without a price',
        isNull(cost_usd), 'no price any more: kept',
        cost_usd = charged_usd, 'unchanged',
        isNull(recorded_usd) AND adjusted_usd = 0, 'has a price now',
        recorded_price_id != price_id, 'another rate card',
        'other rates of its card') AS why,
    count() AS calls,
    sum(charged_usd) AS old_usd,
    sum(ifNull(cost_usd, charged_usd)) AS new_usd,
    sum(ifNull(cost_usd, charged_usd) - charged_usd) AS delta_usd,
    max(book_at) AS book_at
FROM
(
    SELECT
        *,
        ifNull(recorded_usd, toDecimal128(0, 12)) + adjusted_usd AS charged_usd
    FROM repriced
)
GROUP BY provider, model, why
ORDER BY abs(delta_usd) DESC, calls DESC, provider, model, why
