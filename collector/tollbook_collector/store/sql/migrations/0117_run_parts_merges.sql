-- Of the parts of run_parts: ten are merged at a time and not five, so that a row is rewritten half as often.
ALTER TABLE run_parts
    MODIFY SETTING min_parts_to_merge_at_once = 10
