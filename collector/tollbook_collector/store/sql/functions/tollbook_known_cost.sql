-- What calls cost together, USD; NULL where a call among them has no price and the others cost nothing: unknown is never 0.
CREATE OR REPLACE FUNCTION tollbook_known_cost AS
    (cost_usd, unpriced_calls) -> if(unpriced_calls > 0 AND cost_usd = 0, NULL, cost_usd)
