-- Of each span while it passes: the dialect it came in, the agent that made it and the region that processed it.
ALTER TABLE normalised
    ADD COLUMN IF NOT EXISTS dialect LowCardinality(String) AFTER scope_name,
    ADD COLUMN IF NOT EXISTS agent LowCardinality(String) AFTER user_id,
    ADD COLUMN IF NOT EXISTS region LowCardinality(String) AFTER service_tier
