-- One row for each adjustment in the words of FOCUS, as a correction: what is added to the charges of a month, or taken off, with its usage date.
-- The columns are those of the view focus_charges, in their order, and the month in which it is charged. A correction has no quantity: what was used does not change.
CREATE OR REPLACE VIEW focus_adjustments AS
SELECT
    tenant,
    hour,
    provider,
    amount_usd AS EffectiveCost,
    -- Time of a machine of one's own is on another bill.
    if(endsWith(if(new_price_id = '', old_price_id, new_price_id), '/hosted'), toDecimal128(0, 12), amount_usd) AS BilledCost,
    amount_usd AS ContractedCost,
    amount_usd AS ListCost,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS PricingQuantity,
    CAST(NULL, 'Nullable(String)') AS PricingUnit,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS ConsumedQuantity,
    CAST(NULL, 'Nullable(String)') AS ConsumedUnit,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS ContractedUnitPrice,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS ListUnitPrice,
    CAST(NULL, 'Nullable(String)') AS PricingCategory,
    CAST(NULL, 'Nullable(String)') AS SkuMeter,
    CAST(NULL, 'Nullable(String)') AS SkuId,
    CAST(NULL, 'Nullable(String)') AS SkuPriceId,
    CAST(NULL, 'Nullable(String)') AS SkuPriceDetails,
    concat(model, ' ', kind, ' adjustment', if(reason = '', '', concat(': ', reason))) AS ChargeDescription,
    tollbook_service_provider(provider) AS ServiceProviderName,
    tollbook_service_name(provider) AS ServiceName,
    team,
    nullIf(toString(team), '') AS SubAccountId,
    if(team = '', NULL, 'Team') AS SubAccountType,
    toJSONString(mapFilter((name, value) -> value != '', map('service', toString(service), 'environment', toString(environment), 'team', toString(team), 'feature', toString(feature), 'customer', toString(customer), 'operation', toString(operation)))) AS Tags,
    calls AS x_Calls,
    period
FROM adjustments
