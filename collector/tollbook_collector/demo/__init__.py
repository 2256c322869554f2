"""The demo: a real trace replayed through real clients against a provider on this machine."""
