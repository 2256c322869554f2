-- The provider as the GenAI conventions name it, of the names that dialects have for it, in lower case; others stay as they are.
CREATE OR REPLACE FUNCTION tollbook_provider AS
    (provider_name) -> transform(
        provider_name,
        [
            'azure', 'azure_openai', 'azure-openai', 'az.ai.openai', 'az.ai.inference', 'azure_ai',
            'anthropic.messages',
            'vertex_ai', 'vertexai', 'google_vertexai', 'google.vertex', 'google-vertex', 'gcp.vertex.agent', 'vertex_ai_beta',
            'gemini', 'google', 'google_ai_studio', 'google.generative-ai', 'google-gla',
            'bedrock', 'aws', 'aws_bedrock', 'amazon-bedrock', 'bedrock_converse',
            'xai', 'x-ai', 'grok',
            'mistral', 'mistralai', 'moonshot', 'moonshotai', 'watsonx', 'ibm.watson.ai',
            'together', 'together-ai', 'fireworks', 'fireworks-ai', 'hosted_vllm', 'cohere_chat', 'hugging_face'
        ],
        [
            'azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.openai', 'azure.ai.inference', 'azure.ai.inference',
            'anthropic',
            'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai', 'gcp.vertex_ai',
            'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini', 'gcp.gemini',
            'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock', 'aws.bedrock',
            'x_ai', 'x_ai', 'x_ai',
            'mistral_ai', 'mistral_ai', 'moonshot_ai', 'moonshot_ai', 'ibm.watsonx.ai', 'ibm.watsonx.ai',
            'together_ai', 'together_ai', 'fireworks_ai', 'fireworks_ai', 'vllm', 'cohere', 'huggingface'
        ],
        provider_name)
