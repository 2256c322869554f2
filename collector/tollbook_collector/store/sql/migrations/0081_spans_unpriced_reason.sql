-- Of each span: the reasons for which a call has no cost, with that of a currency that could not be converted.
ALTER TABLE spans
    COMMENT COLUMN IF EXISTS unpriced_reason 'failed, no_model, unknown_model, no_rate, no_exchange_rate, no_usage, usage_incomplete, usage_inconsistent; empty: priced'
