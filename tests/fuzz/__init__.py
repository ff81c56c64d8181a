"""Spoiled files: each ends in a result or in one sentence, never in another exception, a crash, or endless time and memory."""
