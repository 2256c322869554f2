-- One row for each class of tokens, price point, team and set of tags in an hour or day, with all columns of FOCUS 1.4: its Cost and Usage dataset.
-- What is charged from since to until (excluded), whole months: what was used then, and the adjustments of these months as corrections; granularity: hour or day.
-- account_providers, account_ids: billing accounts by provider; account: of all others.
SELECT
    CAST(NULL, 'Nullable(String)') AS AllocatedMethodDetails,
    CAST(NULL, 'Nullable(String)') AS AllocatedMethodId,
    CAST(NULL, 'Nullable(String)') AS AllocatedResourceId,
    CAST(NULL, 'Nullable(String)') AS AllocatedResourceName,
    CAST(NULL, 'Nullable(String)') AS AllocatedTags,
    CAST(NULL, 'Nullable(String)') AS AvailabilityZone,
    sum(both.BilledCost) AS BilledCost,
    transform(provider, {account_providers:Array(String)}, {account_ids:Array(String)}, {account:String}) AS BillingAccountId,
    CAST(NULL, 'Nullable(String)') AS BillingAccountName,
    'Organization' AS BillingAccountType,
    'USD' AS BillingCurrency,
    toDateTime(period + toIntervalMonth(1), 'UTC') AS BillingPeriodEnd,
    toDateTime(period, 'UTC') AS BillingPeriodStart,
    CAST(NULL, 'Nullable(String)') AS CapacityReservationId,
    CAST(NULL, 'Nullable(String)') AS CapacityReservationStatus,
    'Usage' AS ChargeCategory,
    ChargeClass,
    ChargeDescription,
    'Usage-Based' AS ChargeFrequency,
    ChargePeriodStart + if({granularity:String} = 'day', 86400, 3600) AS ChargePeriodEnd,
    if({granularity:String} = 'day', toDateTime(toDate(hour), 'UTC'), hour) AS ChargePeriodStart,
    CAST(NULL, 'Nullable(String)') AS CommitmentDiscountCategory,
    CAST(NULL, 'Nullable(String)') AS CommitmentDiscountId,
    CAST(NULL, 'Nullable(String)') AS CommitmentDiscountName,
    CAST(NULL, 'Nullable(Decimal(38, 12))') AS CommitmentDiscountQuantity,
    CAST(NULL, 'Nullable(String)') AS CommitmentDiscountStatus,
    CAST(NULL, 'Nullable(String)') AS CommitmentDiscountType,
    CAST(NULL, 'Nullable(String)') AS CommitmentDiscountUnit,
    CAST(NULL, 'Nullable(String)') AS CommitmentProgramEligibilityDetails,
    sum(both.ConsumedQuantity) AS ConsumedQuantity,
    ConsumedUnit,
    CAST(NULL, 'Nullable(String)') AS ContractApplied,
    sum(both.ContractedCost) AS ContractedCost,
    ContractedUnitPrice,
    sum(both.EffectiveCost) AS EffectiveCost,
    ServiceProviderName AS HostProviderName,
    CAST(NULL, 'Nullable(String)') AS InvoiceDetailId,
    CAST(NULL, 'Nullable(String)') AS InvoiceId,
    ServiceProviderName AS InvoiceIssuerName,
    sum(both.ListCost) AS ListCost,
    ListUnitPrice,
    PricingCategory,
    'USD' AS PricingCurrency,
    ContractedUnitPrice AS PricingCurrencyContractedUnitPrice,
    sum(both.EffectiveCost) AS PricingCurrencyEffectiveCost,
    ListUnitPrice AS PricingCurrencyListUnitPrice,
    sum(both.PricingQuantity) AS PricingQuantity,
    PricingUnit,
    CAST(NULL, 'Nullable(String)') AS RegionId,
    CAST(NULL, 'Nullable(String)') AS RegionName,
    CAST(NULL, 'Nullable(String)') AS ResourceId,
    CAST(NULL, 'Nullable(String)') AS ResourceName,
    CAST(NULL, 'Nullable(String)') AS ResourceType,
    'AI and Machine Learning' AS ServiceCategory,
    ServiceName,
    ServiceProviderName,
    'Generative AI' AS ServiceSubcategory,
    SkuId,
    SkuMeter,
    SkuPriceDetails,
    SkuPriceId,
    SubAccountId,
    SubAccountId AS SubAccountName,
    SubAccountType,
    Tags,
    sum(both.x_Calls) AS x_RequestCount
FROM
(
    SELECT
        *,
        toStartOfMonth(hour) AS period,
        CAST(NULL, 'Nullable(String)') AS ChargeClass
    FROM focus_charges
    WHERE tenant = {tenant:String}
        AND hour >= {since:DateTime('UTC')}
        AND hour < {until:DateTime('UTC')}
    UNION ALL
    SELECT
        *,
        'Correction' AS ChargeClass
    FROM focus_adjustments
    WHERE tenant = {tenant:String}
        AND period >= toDate({since:DateTime('UTC')})
        AND period < toDate({until:DateTime('UTC')})
) AS both
GROUP BY ALL
ORDER BY ChargePeriodStart, ServiceProviderName, SkuPriceId, Tags
