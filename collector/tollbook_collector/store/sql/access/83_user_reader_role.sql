-- Lets it be one.
GRANT tollbook_reading TO tollbook_reader
