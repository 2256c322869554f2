-- Of the spans on disk: an insert is one file until a merge, because a file for each column, synced, doubles its cost; and no statistics, which merges pay for and no question of ours needs.
ALTER TABLE spans
    MODIFY SETTING
        min_bytes_for_wide_part = 134217728,
        auto_statistics_types = ''
