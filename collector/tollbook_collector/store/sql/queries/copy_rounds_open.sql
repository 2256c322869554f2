-- One row for each round that found copies and was cut off before it said that the roll-ups have them.
SELECT DISTINCT found_at
FROM copies
WHERE found_at NOT IN (SELECT found_at FROM copy_rounds WHERE ends_round)
ORDER BY found_at
