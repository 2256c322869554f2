-- Whether a call is billed by a measure of its own, as seconds of audio, and so has a cost without tokens: the meters with a quantity, fees left out.
CREATE OR REPLACE FUNCTION tollbook_is_measured AS
    (meters, quantities) -> arrayExists(
        (meter, quantity) -> quantity > 0 AND splitByChar(':', meter)[1] NOT IN ('request_fee', 'web_search', 'file_search', 'code_session'),
        meters, quantities)
