-- Of the parts of spans: thirty are merged at a time and not ten, so that a row is rewritten a third less often (4.2 us of CPU each time).
ALTER TABLE spans
    MODIFY SETTING min_parts_to_merge_at_once = 30
