-- What the service of a provider is called.
CREATE OR REPLACE FUNCTION tollbook_service_name AS (provider) -> transform(
    provider,
    ['openai', 'azure.ai.openai', 'azure.ai.inference', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'gcp.vertex_ai', 'gcp.gen_ai', 'x_ai', 'mistral_ai'],
    ['OpenAI API', 'Azure OpenAI', 'Azure AI Inference', 'Claude API', 'Amazon Bedrock', 'Gemini API', 'Vertex AI', 'Gemini API', 'xAI API', 'Mistral API'],
    concat(tollbook_service_provider(provider), ' API'))
