-- Records that what a round found is in the roll-ups, or, with calls, that an hour was searched.
INSERT INTO copy_rounds (hour, found_at, calls, ends_round)
SELECT
    {hour:DateTime('UTC')},
    {found_at:DateTime64(6, 'UTC')},
    {calls:Int64},
    {calls:Int64} = 0
