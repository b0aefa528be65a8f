"""REST resources of the tenant itself: staff and teams."""
