"""Who belongs together? Rules over what is known of contacts, and their members, kept up to date.

Read `rules.py` for the language, `leaves.py` for what a rule may ask (upper apps add to it from
their apps.py), `compiling.py` for the one statement that a rule becomes, `membership.py` and
`upkeep.py` for how members follow what happens.
"""
