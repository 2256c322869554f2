"""Room 4, money: rows become cost."""
