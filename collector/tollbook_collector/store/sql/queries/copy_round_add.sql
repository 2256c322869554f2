-- Records that an hour was searched, and that what was found is in the roll-ups.
INSERT INTO copy_rounds (hour, found_at, calls)
SELECT
    {hour:DateTime('UTC')},
    {found_at:DateTime64(6, 'UTC')},
    {calls:Int64}
