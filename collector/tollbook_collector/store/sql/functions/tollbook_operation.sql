-- The operation as the GenAI conventions name it, of the words that dialects have for a kind of span; others stay as they are.
CREATE OR REPLACE FUNCTION tollbook_operation AS
    (word) -> transform(
        word,
        [
            'llm', 'generation', 'decision', 'llm_request', 'llm_call', 'acompletion', 'completion', 'atext_completion', 'aresponses', 'responses',
            'embedding', 'aembedding', 'reranker', 'arerank',
            'agent', 'tool', 'retriever', 'chain', 'workflow', 'task',
            'ai.generatetext.dogenerate', 'ai.streamtext.dostream', 'ai.generateobject.dogenerate', 'ai.streamobject.dostream', 'ai.embed.doembed', 'ai.embedmany.doembed',
            'ai.generatetext', 'ai.streamtext', 'ai.generateobject', 'ai.streamobject', 'ai.embed', 'ai.embedmany',
            'claude_code.llm_request', 'claude_code.api_request', 'gemini_cli.api_response', 'response.completed', 'call_llm'
        ],
        [
            'chat', 'chat', 'chat', 'chat', 'chat', 'chat', 'text_completion', 'text_completion', 'chat', 'chat',
            'embeddings', 'embeddings', 'rerank', 'rerank',
            'invoke_agent', 'execute_tool', 'retrieval', 'invoke_workflow', 'invoke_workflow', 'invoke_workflow',
            'chat', 'chat', 'chat', 'chat', 'embeddings', 'embeddings',
            'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent', 'invoke_agent',
            'chat', 'chat', 'chat', 'chat', 'chat'
        ],
        word)
