-- One row: the claim that counts; none: nobody has one.
SELECT
    term,
    holder
FROM leases FINAL
WHERE name = {name:String} AND expires_at > now64(6, 'UTC')
ORDER BY
    claimed_at,
    term
LIMIT 1
