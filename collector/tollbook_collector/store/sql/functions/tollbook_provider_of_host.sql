-- The provider whose API a host is; empty: not known.
CREATE OR REPLACE FUNCTION tollbook_provider_of_host AS
    (host) -> transform(
        extract(host, '(api\\.openai\\.com|openai\\.azure\\.com|services\\.ai\\.azure\\.com|inference\\.ai\\.azure\\.com|api\\.anthropic\\.com|generativelanguage\\.googleapis\\.com|api\\.x\\.ai|api\\.groq\\.com|api\\.mistral\\.ai|api\\.deepseek\\.com|api\\.perplexity\\.ai|api\\.moonshot\\.(?:ai|cn)|api\\.cohere\\.(?:com|ai)|openrouter\\.ai|aiplatform\\.googleapis\\.com|^bedrock)(?:$|[^/]*\\.(?:amazonaws\\.com|api\\.aws)$)'),
        [
            'api.openai.com', 'openai.azure.com', 'services.ai.azure.com', 'inference.ai.azure.com', 'api.anthropic.com', 'generativelanguage.googleapis.com', 'api.x.ai', 'api.groq.com',
            'api.mistral.ai', 'api.deepseek.com', 'api.perplexity.ai', 'api.moonshot.ai', 'api.moonshot.cn', 'api.cohere.com', 'api.cohere.ai', 'openrouter.ai', 'aiplatform.googleapis.com', 'bedrock'
        ],
        [
            'openai', 'azure.ai.openai', 'azure.ai.inference', 'azure.ai.inference', 'anthropic', 'gcp.gemini', 'x_ai', 'groq',
            'mistral_ai', 'deepseek', 'perplexity', 'moonshot_ai', 'moonshot_ai', 'cohere', 'cohere', 'openrouter', 'gcp.vertex_ai', 'aws.bedrock'
        ],
        '')
