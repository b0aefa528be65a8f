"""One person who was known as two: merged by rule or by hand, and taken apart again."""
