-- The provider that a model's name, in lower case, belongs to; empty: not known. For dialects that name no provider.
CREATE OR REPLACE FUNCTION tollbook_provider_of_model AS
    (model_name) -> transform(
        extract(model_name, '^(gpt-[0-9]|chatgpt-|o[1-9](?:-|$)|text-embedding-3|text-embedding-ada|claude-|gemini-|grok-|deepseek-|mistral-|codestral-|devstral-|magistral-|ministral-|command-|embed-v4|rerank-v)'),
        ['claude-', 'gemini-', 'grok-', 'deepseek-', 'mistral-', 'codestral-', 'devstral-', 'magistral-', 'ministral-', 'command-', 'embed-v4', 'rerank-v', ''],
        ['anthropic', 'gcp.gemini', 'x_ai', 'deepseek', 'mistral_ai', 'mistral_ai', 'mistral_ai', 'mistral_ai', 'mistral_ai', 'cohere', 'cohere', 'cohere', ''],
        'openai')
