-- Lets it be one.
GRANT tollbook_writing TO tollbook_writer
