-- Of the parts of spans: what was merged is merged again once there are some nine of its size and not four, so that a row is rewritten less often; fifty parts of a month are merged however they are.
ALTER TABLE spans
    MODIFY SETTING merge_selector_base = 20
