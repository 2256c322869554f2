-- Of the parts of accounts: ten are merged at a time and not five, so that a row is rewritten half as often.
ALTER TABLE accounts
    MODIFY SETTING min_parts_to_merge_at_once = 10
