-- Of the parts of behaviour_hourly: ten are merged at a time and not five, so that a row is rewritten half as often.
ALTER TABLE behaviour_hourly
    MODIFY SETTING min_parts_to_merge_at_once = 10
