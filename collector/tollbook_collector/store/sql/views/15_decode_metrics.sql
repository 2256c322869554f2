-- One row for each data point of a request. Buckets of exponential histograms and quantiles of summaries are not kept.
CREATE OR REPLACE MATERIALIZED VIEW decode_metrics TO metric_points AS
SELECT
    tenant,
    key,
    fromUnixTimestamp64Nano(toInt64(least(received_at, 9223372036854775807)), 'UTC') AS received_at,
    metric_name AS metric,
    point.1 AS kind,
    unit,
    fromUnixTimestamp64Nano(toInt64(least(point.2, 9223372036854775807)), 'UTC') AS started_at,
    fromUnixTimestamp64Nano(toInt64(least(point.3, 9223372036854775807)), 'UTC') AS measured_at,
    point.4 AS value,
    point.5 AS count,
    point.6 AS buckets,
    point.7 AS bounds,
    point.8 AS temporality,
    point.9 AS monotonic,
    scope_name,
    resource['service.name'] AS service,
    if(resource['deployment.environment.name'] != '', resource['deployment.environment.name'], resource['deployment.environment']) AS environment,
    point.10 AS attributes,
    resource
FROM
(
    SELECT
        tenant,
        key,
        received_at,
        resource,
        scope_name,
        metric.name AS metric_name,
        metric.unit AS unit,
        arrayJoin(
            arrayConcat(
                arrayMap(
                    point -> (
                        'gauge',
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        if(point.as_int != 0, toFloat64(point.as_int), point.as_double),
                        toUInt64(0),
                        CAST([], 'Array(UInt64)'),
                        CAST([], 'Array(Float64)'),
                        toInt8(0),
                        false,
                        tollbook_attribute_map(point.attributes)),
                    metric.gauge.data_points),
                arrayMap(
                    point -> (
                        'sum',
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        if(point.as_int != 0, toFloat64(point.as_int), point.as_double),
                        toUInt64(0),
                        CAST([], 'Array(UInt64)'),
                        CAST([], 'Array(Float64)'),
                        toInt8(metric.sum.aggregation_temporality),
                        metric.sum.is_monotonic,
                        tollbook_attribute_map(point.attributes)),
                    metric.sum.data_points),
                arrayMap(
                    point -> (
                        'histogram',
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        point.sum,
                        point.count,
                        point.bucket_counts,
                        point.explicit_bounds,
                        toInt8(metric.histogram.aggregation_temporality),
                        false,
                        tollbook_attribute_map(point.attributes)),
                    metric.histogram.data_points),
                arrayMap(
                    point -> (
                        'exponential_histogram',
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        point.sum,
                        point.count,
                        CAST([], 'Array(UInt64)'),
                        CAST([], 'Array(Float64)'),
                        toInt8(metric.exponential_histogram.aggregation_temporality),
                        false,
                        tollbook_attribute_map(point.attributes)),
                    metric.exponential_histogram.data_points),
                arrayMap(
                    point -> (
                        'summary',
                        point.start_time_unix_nano,
                        point.time_unix_nano,
                        point.sum,
                        point.count,
                        CAST([], 'Array(UInt64)'),
                        CAST([], 'Array(Float64)'),
                        toInt8(0),
                        false,
                        tollbook_attribute_map(point.attributes)),
                    metric.summary.data_points))) AS point
    FROM
    (
        SELECT
            tenant,
            key,
            received_at,
            resource,
            scope_metrics.scope.name AS scope_name,
            arrayJoin(scope_metrics.metrics) AS metric
        FROM
        (
            SELECT
                tenant,
                key,
                received_at,
                tollbook_attribute_map(resource_metrics.resource.attributes) AS resource,
                arrayJoin(resource_metrics.scope_metrics) AS scope_metrics
            FROM
            (
                SELECT
                    tenant,
                    key,
                    received_at,
                    arrayJoin(metrics.resource_metrics) AS resource_metrics
                FROM landing_metrics
            )
        )
    )
)
