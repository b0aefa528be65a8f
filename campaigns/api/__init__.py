"""One message to many, over the REST API."""
