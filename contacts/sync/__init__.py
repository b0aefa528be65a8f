"""Reading a corporation into our tables, and telling it what was done here: staff, customers, tags.

Runs are rows (SyncRun) that one worker at a time carries out; `place` is written in the transaction
of what was read until there, so that whoever goes on after a crash reads no page for nothing.
"""
