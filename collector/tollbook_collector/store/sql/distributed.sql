-- The rows of a table's shards, all of them. the_table, the_cluster, the_database and the_key stand for its own.
CREATE TABLE IF NOT EXISTS the_table ON CLUSTER 'the_cluster' AS the_table_shard
ENGINE = Distributed('the_cluster', 'the_database', 'the_table_shard', the_key)
