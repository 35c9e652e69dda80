"""What is said to people, by code and language; below, in the roles and what they rest on, are the facts."""
