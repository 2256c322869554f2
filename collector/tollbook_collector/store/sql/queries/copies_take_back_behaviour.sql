-- Adds rows that take the copies which a round found out of how the calls of their hours behaved.
-- taken_back stands for what the copies had added, as the view roll_up_behaviour makes it.
INSERT INTO behaviour_hourly (tenant, hour, service, environment, model, team, feature, calls, latencies, first_chunks, inputs, outputs, finish_reasons, response_models, tools)
SELECT
    tenant,
    hour,
    service,
    environment,
    model,
    team,
    feature,
    -toInt64(calls),
    mapApply((bin, number) -> (bin, -toInt64(number)), latencies),
    mapApply((bin, number) -> (bin, -toInt64(number)), first_chunks),
    mapApply((bin, number) -> (bin, -toInt64(number)), inputs),
    mapApply((bin, number) -> (bin, -toInt64(number)), outputs),
    mapApply((bin, number) -> (bin, -toInt64(number)), finish_reasons),
    mapApply((bin, number) -> (bin, -toInt64(number)), response_models),
    mapApply((bin, number) -> (bin, -toInt64(number)), tools)
FROM taken_back
ORDER BY tenant, hour, service, environment, model, team, feature
