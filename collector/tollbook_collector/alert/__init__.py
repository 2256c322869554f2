"""Findings reach people: incidents, which of them are told to whom, and sending that."""
