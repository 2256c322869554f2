-- How many of each meter of a rate card one call is billed for, beside its tokens: Array(UInt64), in the order of the meters.
-- A unit with a detail is billed by the meter of that detail, and where the card has none by the meter without.
-- An image is billed by tokens where there are tokens; a request is billed once, by the context that its search was to read.
CREATE OR REPLACE FUNCTION tollbook_unit_quantities AS
    (units, meters, has_tokens) -> arrayMap(
        meter -> if(
            meter = 'request_fee',
            toUInt64(NOT arrayExists(unit -> startsWith(unit, 'request_fee:') AND has(meters, unit), mapKeys(units))),
            arraySum(
                (unit, count) -> if(
                    (unit = meter OR (splitByChar(':', unit)[1] = meter AND NOT has(meters, unit))) AND NOT (has_tokens AND startsWith(meter, 'image')),
                    count, 0),
                mapKeys(units), mapValues(units))),
        meters)
