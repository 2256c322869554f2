-- Of each rate of a price book: what it was before a contract.
ALTER TABLE rates
    ADD COLUMN IF NOT EXISTS list_usd Nullable(Decimal(38, 12)) COMMENT 'USD per unit before a contract; NULL: there is none, it is rate_usd' AFTER rate_usd
