-- Who sells the calls of a provider, as FOCUS names companies.
CREATE OR REPLACE FUNCTION tollbook_service_provider AS (provider) -> transform(
    provider,
    ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai', 'deepseek', 'groq', 'cohere', 'openrouter', 'together_ai', 'fireworks_ai', 'perplexity', 'moonshot_ai', ''],
    ['OpenAI', 'Microsoft', 'Microsoft', 'Anthropic', 'AWS', 'Google', 'Google Cloud', 'Google', 'xAI', 'Mistral AI', 'DeepSeek', 'Groq', 'Cohere', 'OpenRouter', 'Together AI', 'Fireworks AI', 'Perplexity', 'Moonshot AI', 'unknown'],
    toString(provider))
