"""The conventions of the REST API (errors, pages, filters, limits …), shared by all apps."""
