-- The name of the span that a log record with the usage of a model call stands for; empty: it has none.
-- Claude Code names its event in the body, the field or an attribute, with and without its prefix; of Codex's stream only the end has usage, and is told twice: event_kind is given where there are counts.
CREATE OR REPLACE FUNCTION tollbook_log_call AS (event_name, event_attribute, body, scope, event_kind) -> multiIf(
    'claude_code.api_request' IN (event_name, event_attribute, body), 'claude_code.api_request',
    'api_request' IN (event_name, event_attribute) AND position(scope, 'claude_code') > 0, 'claude_code.api_request',
    'gemini_cli.api_response' IN (event_name, event_attribute, body), 'gemini_cli.api_response',
    'codex.sse_event' IN (event_name, event_attribute, body) AND event_kind = 'response.completed', 'codex.sse_event',
    '')
