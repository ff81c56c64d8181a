"""The AiiDA layer: data types, jobs, work chains, queries and the user's commands."""
