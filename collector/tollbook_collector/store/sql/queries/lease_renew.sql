-- Writes down that a claim goes on for so long from now; one that has run out stays so.
INSERT INTO leases (name, term, holder, claimed_at, renewed_at, expires_at)
SELECT
    name,
    term,
    holder,
    claimed_at,
    now64(6, 'UTC') AS moment,
    moment + toIntervalMillisecond({term_ms:UInt32})
FROM leases FINAL
WHERE name = {name:String} AND term = {term:String} AND expires_at > now64(6, 'UTC')
