"""The commands of `tollbook`, a module per noun; cli.py joins them."""
