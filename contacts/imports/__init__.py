"""Files that businesses bring: read, checked row by row, written by the set, errors handed back."""
