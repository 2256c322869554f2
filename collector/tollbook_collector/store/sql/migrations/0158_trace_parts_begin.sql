-- From which arrival on every span is in the parts of its trace. A database without views has had no span.
-- In one that has them collectors of the version before may go on for some time, and the view that adds up is made after this: a day is given them.
INSERT INTO roll_up_begins (roll_up, whole_from)
SELECT
    'trace_parts',
    if(count() = 0, toDateTime(0, 'UTC'), now('UTC') + INTERVAL 1 DAY)
FROM system.tables
WHERE database = currentDatabase() AND name = 'roll_up_hours'
