-- One row for each log record that was accepted; what each column means.
ALTER TABLE log_records
    COMMENT COLUMN severity_text 'As the sender wrote it',
    COMMENT COLUMN attributes 'As text; a list joined by commas, what nests deeper in base64 of its protobuf',
    COMMENT COLUMN resource 'Attributes of the resource, as text'
