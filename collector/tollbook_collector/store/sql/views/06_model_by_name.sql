-- One entry for each rule that names the model of the price book; the first that matches provider:model wins.
CREATE OR REPLACE DICTIONARY model_by_name
(
    regexp String,
    model  String
)
PRIMARY KEY regexp
SOURCE(CLICKHOUSE(HOST '127.0.0.1' TABLE 'model_rules'))
LAYOUT(REGEXP_TREE)
LIFETIME(0)
