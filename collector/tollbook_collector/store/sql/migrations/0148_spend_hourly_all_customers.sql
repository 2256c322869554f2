-- Of each hour and combination of dimensions but the customer: the sums of all customers, kept with the rows in the same parts.
ALTER TABLE spend_hourly
    ADD PROJECTION IF NOT EXISTS all_customers
    (
        SELECT
            tenant,
            hour,
            service,
            environment,
            provider,
            model,
            operation,
            team,
            feature,
            service_tier,
            sum(calls),
            sum(errors),
            sum(unpriced_calls),
            sum(input_tokens),
            sum(cache_read_tokens),
            sum(cache_write_tokens),
            sum(output_tokens),
            sum(reasoning_tokens),
            sum(duration_ns),
            sum(copies),
            sum(cost_usd)
        GROUP BY
            tenant,
            hour,
            service,
            environment,
            provider,
            model,
            operation,
            team,
            feature,
            service_tier
    )
