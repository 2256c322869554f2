-- One row for each cause of a difference between a bill and what was metered, by provider, model and class, dearest first.
-- A difference of quantity is taken apart: what lacks or is too much in all; what only changed its tier; what only changed its day.
-- A difference of unit price at the same quantity is the price, or the tier if another tier of the book has just that price.
-- Where a bill has no quantities they are its amounts by our unit price. usd: the worth of what is explained.
-- tenant, bill, at: whose, which, and of which comparison.
WITH
    compared AS
    (
        SELECT
            *,
            sum(our_usd) OVER (PARTITION BY provider, model, class) / nullIf(sum(ours) OVER (PARTITION BY provider, model, class), 0) AS our_price
        FROM
        (
            SELECT
                day,
                provider,
                model,
                service_tier,
                class,
                toFloat64(our_quantity) AS ours,
                toFloat64(our_cost_usd) AS our_usd,
                toFloat64(their_quantity) AS their_tokens,
                toFloat64(their_cost_usd) AS their_usd,
                isNull(their_quantity) AS is_implied
            FROM reconciliations
            WHERE tenant = {tenant:String} AND bill = {bill:String} AND reconciled_at = {at:DateTime64(6, 'UTC')} AND class != 'other'
        )
    ),
    implied AS
    (
        SELECT
            *,
            ifNull(their_tokens, ifNull(their_usd / nullIf(if(ours > 0 AND our_usd > 0, our_usd / ours, our_price), 0), 0)) AS theirs
        FROM compared
    ),
    facts AS
    (
        SELECT
            *,
            coalesce(nullIf(our_price, 0), sum(their_usd) OVER (PARTITION BY provider, model, class) / nullIf(sum(theirs) OVER (PARTITION BY provider, model, class), 0), 0) AS worth
        FROM implied
    ),
    by_tier AS
    (
        SELECT
            provider,
            model,
            service_tier,
            class,
            any(worth) AS worth_one,
            sum(theirs - ours) AS net,
            sum(abs(theirs - ours)) AS gross
        FROM facts
        GROUP BY provider, model, service_tier, class
    ),
    moved AS
    (
        SELECT
            provider,
            model,
            class,
            any(worth_one) AS worth,
            sum(net) AS net_all,
            (sum(abs(net)) - abs(sum(net))) / 2 AS between_tiers,
            sum(gross - abs(net)) / 2 AS between_days
        FROM by_tier
        GROUP BY provider, model, class
    ),
    prices AS
    (
        SELECT
            facts.provider AS provider,
            facts.model AS model,
            facts.class AS class,
            facts.service_tier AS service_tier,
            their_usd / theirs AS their_price,
            our_usd / ours AS our_price_one,
            least(theirs, ours) AS quantity,
            abs(their_price - our_price_one) * quantity AS usd,
            arrayExists(rate -> abs(rate / their_price - 1) < 0.001, other_tiers.rates_usd) AS is_other_tier
        FROM facts
        LEFT JOIN
        (
            SELECT
                provider,
                model,
                meter,
                groupUniqArray(toFloat64(rate_usd)) AS rates_usd
            FROM rates
            WHERE book_at = (SELECT max(price_books.book_at) FROM price_books) AND service_tier != 'standard' AND variant = ''
            GROUP BY provider, model, meter
        ) AS other_tiers ON other_tiers.provider = facts.provider AND other_tiers.model = facts.model AND other_tiers.meter = facts.class
        WHERE NOT is_implied AND theirs > 0 AND ours > 0 AND our_usd > 0 AND their_usd > 0 AND abs(their_price / our_price_one - 1) > 0.001
    )
SELECT
    cause,
    provider,
    model,
    class,
    tokens,
    usd
FROM
(
    SELECT if(net_all > 0, 'missing_spans', 'dedup') AS cause, provider, model, class, abs(net_all) AS tokens, tokens * worth AS usd FROM moved
    UNION ALL
    SELECT 'tier' AS cause, provider, model, class, between_tiers AS tokens, tokens * worth AS usd FROM moved
    UNION ALL
    SELECT 'timezone' AS cause, provider, model, class, between_days AS tokens, tokens * worth AS usd FROM moved
    UNION ALL
    SELECT if(is_other_tier, 'tier', 'price') AS cause, provider, model, class, sum(quantity) AS tokens, sum(prices.usd) AS usd FROM prices GROUP BY cause, provider, model, class
    UNION ALL
    -- A bill does not say which model searched, so searches are compared by provider.
    SELECT 'not_metered' AS cause, provider, '' AS model, class, 0 AS tokens, toFloat64(sum(ifNull(their_cost_usd, 0) - our_cost_usd)) AS usd
    FROM reconciliations
    WHERE tenant = {tenant:String} AND bill = {bill:String} AND reconciled_at = {at:DateTime64(6, 'UTC')} AND class = 'other'
    GROUP BY provider, class
)
-- What is below a thousandth of a cent is rounding.
WHERE usd > 0.00001
ORDER BY usd DESC, cause, provider, model, class
LIMIT 1000
