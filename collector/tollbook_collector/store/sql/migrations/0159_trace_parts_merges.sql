-- Of the parts of trace_parts: three of a size are merged, as a trace is looked for in each of them; a row is written four times in place of three.
ALTER TABLE trace_parts
    MODIFY SETTING min_parts_to_merge_at_once = 0, merge_selector_base = 3
