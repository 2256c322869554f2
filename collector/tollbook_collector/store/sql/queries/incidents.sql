-- One row for each incident of a tenant, those that are not resolved first, then the dearest and newest.
-- status: open (anything but resolved), resolved or all; suppressed: whether parts of other incidents are listed too.
SELECT
    incident,
    sequence,
    at,
    event,
    status,
    kind,
    channel,
    severity,
    title,
    explanation,
    dimensions,
    started_at,
    opened_at,
    acknowledged_at,
    resolved_at,
    snoozed_until,
    owner,
    parent,
    feedback,
    so_far_usd,
    projected_usd,
    evidence,
    sources,
    active
FROM incidents
WHERE tenant = {tenant:String}
    AND ({status:String} = 'all' OR (status = 'resolved') = ({status:String} = 'resolved'))
    AND ({suppressed:Bool} OR parent = '')
    AND ({incident:String} = '' OR startsWith(incident, {incident:String}))
ORDER BY
    incidents.status = 'resolved',
    indexOf(['critical', 'warning', 'info'], severity),
    ifNull(incidents.so_far_usd, toDecimal128(0, 12)) DESC,
    opened_at DESC,
    incident
LIMIT {limit:UInt32}
