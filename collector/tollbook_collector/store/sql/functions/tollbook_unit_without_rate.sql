-- Whether a call used something beside tokens that its rate card has no rate for, so that its cost is not known.
-- A fee (a search, a session) is always beside the tokens; the others measure what many models bill by tokens.
CREATE OR REPLACE FUNCTION tollbook_unit_without_rate AS
    (units, meters, has_token_rates) -> arrayExists(
        (unit, count) -> count > 0
            AND (splitByChar(':', unit)[1] IN ('web_search', 'file_search', 'code_session') OR NOT has_token_rates)
            AND NOT startsWith(unit, 'request_fee:')
            AND NOT has(meters, unit)
            AND NOT has(meters, splitByChar(':', unit)[1]),
        mapKeys(units), mapValues(units))
