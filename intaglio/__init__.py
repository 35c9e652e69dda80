"""Everything that speaks with people, and the wiring of the roles: commands, terminal, services, pages."""
