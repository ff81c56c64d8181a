"""The user's commands, one module each; loaded by name when typed, and AiiDA only when a command runs."""
