-- What a reader may ask in a minute and in an hour.
CREATE QUOTA OR REPLACE tollbook_reading_quota KEYED BY user_name
FOR INTERVAL 1 minute MAX queries = 120, execution_time = 120,
FOR INTERVAL 1 hour MAX queries = 3000, read_rows = 200000000000
TO tollbook_reading
