-- A value of a dimension, or (other) where the tenant has more of them today than it may and this is none of those that it keeps.
CREATE OR REPLACE FUNCTION tollbook_capped AS (of_tenant, of_dimension, a_value) -> if(
    a_value = '' OR NOT dictHas('kept_value', (of_tenant, of_dimension, '')) OR dictHas('kept_value', (of_tenant, of_dimension, a_value)),
    a_value,
    '(other)')
