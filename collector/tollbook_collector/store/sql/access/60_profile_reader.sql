-- The limits of a reader's statement, which it cannot change.
CREATE SETTINGS PROFILE OR REPLACE tollbook_reading_limits SETTINGS
    max_execution_time = 10 CONST,
    timeout_overflow_mode = 'throw' CONST,
    max_memory_usage = 500000000 CONST,
    max_memory_usage_for_user = 2000000000 CONST,
    max_threads = 2 CONST,
    max_result_rows = 100000 CONST,
    max_result_bytes = 100000000 CONST,
    result_overflow_mode = 'throw' CONST,
    max_ast_elements = 50000 CONST,
    max_subquery_depth = 20 CONST,
    max_concurrent_queries_for_user = 8 CONST,
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST,
    output_format_write_statistics = 0 CONST,
    optimize_move_to_prewhere = 0 CONST,
    query_plan_merge_filters = 0 CONST,
    short_circuit_function_evaluation = 'force_enable' CONST,
    readonly = 1 CONST
TO tollbook_reading
