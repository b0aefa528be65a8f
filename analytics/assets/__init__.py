"""The statement of user assets: read live, or from the pieces and cells that upkeep keeps."""
