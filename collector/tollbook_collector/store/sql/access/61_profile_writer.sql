-- What a collector's inserts need wherever they come from.
CREATE SETTINGS PROFILE OR REPLACE tollbook_writing_settings SETTINGS
    async_insert = 0,
    insert_deduplicate = 1,
    deduplicate_blocks_in_dependent_materialized_views = 1,
    materialized_views_ignore_errors = 0 CONST,
    max_memory_usage = 8000000000
TO tollbook_writing
