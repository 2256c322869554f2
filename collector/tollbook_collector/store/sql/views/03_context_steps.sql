-- One row for each model of the newest price book whose rates depend on the length of the input.
CREATE OR REPLACE VIEW context_steps AS
SELECT
    concat(provider, ':', model) AS name,
    provider,
    model,
    groupUniqArray(context_over) AS steps
FROM rates
WHERE book_at = (SELECT max(book_at) FROM price_books) AND context_over > 0
GROUP BY provider, model
