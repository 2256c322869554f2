-- Of each hour and combination of dimensions: a merge makes the sums of all customers anew from the rows that it sums.
ALTER TABLE spend_hourly
    MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild'
