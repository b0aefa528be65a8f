"""Lists that leave as files: in the background, within what their asker may see."""
