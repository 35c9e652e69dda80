"""Everything that speaks with people, and the wiring of the roles: commands, terminal, services, pages."""

__all__: list[str] = []  # what it is for is typed, not imported
