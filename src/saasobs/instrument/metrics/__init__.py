"""The numbers: request durations, queries, tenants, tasks; how they are added up over processes and served."""
