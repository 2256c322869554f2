-- Of the parts of series_minutely: ten are merged at a time and not five, so that a row is rewritten half as often.
ALTER TABLE series_minutely
    MODIFY SETTING min_parts_to_merge_at_once = 10
