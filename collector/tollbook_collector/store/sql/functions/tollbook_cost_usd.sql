-- The cost of one call in USD, Nullable(Decimal(38, 12)): the one price function.
-- Quantities are whole tokens: input and output are totals, the others parts of them, and a cache write of an hour is part of
-- the cache writes. Each token falls in one class, a class has one rate in USD per token with 12 decimals, so the sum is exact.
-- NULL when there are tokens whose rate is not known.
CREATE OR REPLACE FUNCTION tollbook_cost_usd AS
    (input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, input_audio_tokens, input_image_tokens,
     output_tokens, reasoning_tokens, output_audio_tokens, output_image_tokens,
     input_known, output_known,
     input_usd, cache_read_usd, cache_write_usd, cache_write_1h_usd, input_audio_usd, input_image_usd,
     output_usd, reasoning_usd, output_audio_usd, output_image_usd) ->
    if((input_tokens > 0 AND NOT input_known) OR (output_tokens > 0 AND NOT output_known),
       NULL,
       toInt64(input_tokens - cache_read_tokens - cache_write_tokens - input_audio_tokens - input_image_tokens) * input_usd
       + toInt64(cache_read_tokens) * cache_read_usd
       + toInt64(cache_write_tokens - cache_write_1h_tokens) * cache_write_usd
       + toInt64(cache_write_1h_tokens) * cache_write_1h_usd
       + toInt64(input_audio_tokens) * input_audio_usd
       + toInt64(input_image_tokens) * input_image_usd
       + toInt64(output_tokens - reasoning_tokens - output_audio_tokens - output_image_tokens) * output_usd
       + toInt64(reasoning_tokens) * reasoning_usd
       + toInt64(output_audio_tokens) * output_audio_usd
       + toInt64(output_image_tokens) * output_image_usd)
