-- Of each hour and combination of dimensions: the sums of all customers of rows that were there before; until it is done, such rows are read themselves.
ALTER TABLE spend_hourly
    MATERIALIZE PROJECTION all_customers
