"""The REST resources of journeys."""
