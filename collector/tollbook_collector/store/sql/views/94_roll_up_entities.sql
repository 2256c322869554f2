-- One row for each value of a dimension in an insert: its first and last minute.
CREATE OR REPLACE MATERIALIZED VIEW roll_up_entities TO entities AS
SELECT
    tenant,
    named.1 AS kind,
    named.2 AS entity,
    named.3 AS of,
    min(minute) AS first_call,
    max(minute) AS last_call,
    sum(series_minutely.calls) AS calls
FROM series_minutely
ARRAY JOIN arrayFilter(
    one -> one.2 != '',
    [
        ('key', toString(key), ''),
        ('model', toString(model), ''),
        ('response_model', toString(response_model), toString(model)),
        ('team', toString(team), ''),
        ('feature', toString(feature), ''),
        ('customer', toString(customer), ''),
        ('service', toString(service), ''),
        ('version', toString(version), toString(service)),
        ('run', toString(run), '')
    ]) AS named
GROUP BY tenant, kind, entity, of
