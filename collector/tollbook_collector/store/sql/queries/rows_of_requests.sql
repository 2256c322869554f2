-- One row: how many spans, log records and metric points of these requests are stored, by tenant and arrival.
-- An arrival is to the nanosecond; two collectors that share one only make a segment wait to be taken as a whole.
SELECT
    (SELECT count() FROM spans WHERE tenant IN {tenants:Array(String)} AND received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({arrivals:Array(Int64)}), 'UTC')))
    + (SELECT count() FROM log_records WHERE tenant IN {tenants:Array(String)} AND received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({arrivals:Array(Int64)}), 'UTC')))
    + (SELECT count() FROM metric_points WHERE tenant IN {tenants:Array(String)} AND received_at IN (SELECT fromUnixTimestamp64Nano(arrayJoin({arrivals:Array(Int64)}), 'UTC'))) AS rows
