-- Lets a table keep its rows for ever. the_table stands for its name.
ALTER TABLE the_table REMOVE TTL
