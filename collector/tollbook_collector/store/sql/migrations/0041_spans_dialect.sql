-- Of each span that was accepted: the dialect it came in, the agent that made it and the region that processed it.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS dialect LowCardinality(String) COMMENT 'Who named its attributes: opentelemetry, openinference, langfuse, …; empty: not known' AFTER scope_name,
    ADD COLUMN IF NOT EXISTS agent LowCardinality(String) COMMENT 'gen_ai.agent.name' AFTER user_id,
    ADD COLUMN IF NOT EXISTS region LowCardinality(String) COMMENT 'Where it was processed, if that may change its rate: us, eu, …; empty: anywhere' AFTER service_tier
