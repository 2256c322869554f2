-- One row: whether all spans are in the parts of their traces; 0 while there are spans that arrived before every span was added up.
SELECT NOT EXISTS
(
    SELECT 1
    FROM spans
    WHERE received_at < (SELECT max(roll_up_begins.whole_from) FROM roll_up_begins WHERE roll_up = 'trace_parts')
) AS added_up
