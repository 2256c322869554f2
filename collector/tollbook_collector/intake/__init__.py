"""Room 2, intake: the door for OTLP. Bytes come in, and are durable before the sender hears so."""
