-- The dialect of a span: by the scope that made it, then by an attribute or name that only one dialect has; empty: plain OpenTelemetry.
-- kind_column is the number of its attribute for the kind of span, json_column that of its JSON with usage; 0: none.
CREATE OR REPLACE FUNCTION tollbook_dialect AS
    (scope_name, name, kind_column, json_column) -> coalesce(
        nullIf(transform(
            extract(
                CAST(scope_name AS LowCardinality(String)),
                '^(tollbook|openinference|openlit|langfuse|langsmith|litellm|traceloop|ai$|gen_ai$|pydantic-ai|logfire|gcp\\.vertex\\.agent|com\\.anthropic\\.sdk|xai_sdk|mistralai|crewai|haystack|vllm|opentelemetry\\.(?:util\\.genai|instrumentation\\.(?:genai|google_genai|openai_v2|openai|anthropic|bedrock)))')::String,
            [
                'traceloop', 'ai', 'gen_ai', 'pydantic-ai', 'logfire', 'gcp.vertex.agent', 'com.anthropic.sdk', 'xai_sdk', 'mistralai',
                'opentelemetry.util.genai', 'opentelemetry.instrumentation.genai', 'opentelemetry.instrumentation.google_genai', 'opentelemetry.instrumentation.openai_v2',
                'opentelemetry.instrumentation.openai', 'opentelemetry.instrumentation.anthropic', 'opentelemetry.instrumentation.bedrock'
            ],
            [
                'openllmetry', 'vercel', 'vercel_genai', 'pydantic_ai', 'pydantic_ai', 'google_adk', 'anthropic', 'xai', 'mistral',
                'opentelemetry', 'opentelemetry', 'opentelemetry', 'opentelemetry',
                'openllmetry', 'openllmetry', 'openllmetry'
            ]), ''),
        nullIf(transform(
            if(kind_column = 0, json_column, kind_column),
            [32, 33, 34, 35, 36, 37, 38, 102, 103, 104],
            ['openinference', 'langfuse', 'langsmith', 'openllmetry', 'litellm', 'openllmetry', 'vercel', 'litellm', 'google_adk', 'haystack'],
            ''), ''),
        transform(
            name,
            ['llm_request', 'claude_code.llm_request', 'claude_code.api_request', 'codex.sse_event', 'gemini_cli.api_response'],
            ['vllm', 'claude_code', 'claude_code', 'codex', 'gemini_cli'],
            ''))
