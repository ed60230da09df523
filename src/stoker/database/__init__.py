"""The node's database: engine, transactions, migrations. Tables and queries live with their nouns."""
