"""A registrar's file becomes checked records."""
