-- One row for each data point that was accepted; what each column means.
ALTER TABLE metric_points
    COMMENT COLUMN unit 'Of the value, as the sender wrote it (UCUM)',
    COMMENT COLUMN measured_at 'When it was measured',
    COMMENT COLUMN attributes 'As text; a list joined by commas, what nests deeper in base64 of its protobuf',
    COMMENT COLUMN resource 'Attributes of the resource, as text'
