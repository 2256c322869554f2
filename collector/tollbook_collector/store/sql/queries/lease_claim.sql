-- Writes down a claim, timed by the store.
INSERT INTO leases (name, term, holder, claimed_at, renewed_at, expires_at)
SELECT
    {name:String},
    {term:String},
    {holder:String},
    now64(6, 'UTC') AS moment,
    moment,
    moment + toIntervalMillisecond({term_ms:UInt32})
