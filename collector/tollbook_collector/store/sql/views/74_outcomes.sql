-- One row for each score: how good an answer or a run was, and which it belongs to.
CREATE OR REPLACE VIEW outcomes AS
SELECT
    tenant,
    started_at AS scored_at,
    spans.attributes['gen_ai.evaluation.name'] AS outcome,
    toFloat64OrNull(spans.attributes['gen_ai.evaluation.score.value']) AS value,
    spans.attributes['gen_ai.evaluation.score.label'] AS label,
    lower(hex(spans.trace_id)) AS trace_id,
    if(spans.parent_span_id = toFixedString('', 8), '', lower(hex(spans.parent_span_id))) AS judged_span_id,
    response_id,
    spans.attributes['tollbook.run.id'] AS run,
    service,
    team,
    feature,
    customer
FROM spans
WHERE spans.attributes['gen_ai.evaluation.name'] != ''
