"""Configurations of other routers, as llmroute's own."""
