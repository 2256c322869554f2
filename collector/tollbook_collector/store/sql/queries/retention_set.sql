-- Lets the rows of a table be dropped when they are older than some days. The words with the_ stand for the table's own.
ALTER TABLE the_table MODIFY TTL toDateTime(the_column) + toIntervalDay(the_days)
