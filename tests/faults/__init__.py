"""Faults on purpose: a program that spoils jobs, a killer of processes, and campaigns to let them loose on."""
