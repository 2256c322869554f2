-- The value of the dimension that is named, an empty text for no name; a name that is constant reads that one column.
CREATE OR REPLACE FUNCTION tollbook_dimension AS
    (dimension, the_service, the_environment, the_version, the_provider, the_model, the_response_model, the_team, the_feature, the_customer, the_key, the_run) -> multiIf(
        dimension = 'service', toString(the_service),
        dimension = 'environment', toString(the_environment),
        dimension = 'version', toString(the_version),
        dimension = 'provider', toString(the_provider),
        dimension = 'model', toString(the_model),
        dimension = 'response_model', toString(the_response_model),
        dimension = 'team', toString(the_team),
        dimension = 'feature', toString(the_feature),
        dimension = 'customer', toString(the_customer),
        dimension = 'key', toString(the_key),
        dimension = 'run', toString(the_run),
        '')
