-- One row for each model of the newest price book whose rates depend on the hour or the weekday.
CREATE OR REPLACE VIEW model_windows AS
SELECT
    concat(provider, ':', model) AS name,
    provider,
    model,
    groupArray(variant) AS variants,
    groupArray(weekdays) AS weekday_masks,
    groupArray(start_minute) AS start_minutes,
    groupArray(end_minute) AS end_minutes
FROM price_windows
WHERE book_at = (SELECT max(book_at) FROM price_books)
GROUP BY provider, model
