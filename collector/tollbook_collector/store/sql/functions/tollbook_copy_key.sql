-- A number that stands for one stored span, the same wherever it is computed: what a copy is known by.
CREATE OR REPLACE FUNCTION tollbook_copy_key AS
    (tenant, trace_id, span_id, received_at) -> cityHash64(tenant, trace_id, span_id, received_at)
